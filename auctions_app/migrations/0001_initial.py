import django.db.models.deletion
import orchestrator.fields
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Quote',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('client_id', models.UUIDField()),
                ('route_id', models.CharField(max_length=128)),
                ('source_amount', orchestrator.fields.AmountField()),
                ('fair_amount', orchestrator.fields.AmountField()),
                ('gas_fee', orchestrator.fields.AmountField()),
                ('start_amount', orchestrator.fields.AmountField()),
                ('end_amount', orchestrator.fields.AmountField()),
                ('curve_json', models.JSONField()),
                ('policy_json', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('bound_to', models.UUIDField(null=True, unique=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('end_amount__gt', 0), ('source_amount__gt', 0), ('start_amount__gte', models.F('end_amount'))), name='quote_pays_something')],
            },
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session_id', models.UUIDField(unique=True)),
                ('status', models.CharField(choices=[('open', 'Open'), ('ended', 'Ended')], default='open', max_length=8)),
                ('chain', models.CharField(max_length=32)),
                ('token', models.CharField(max_length=64, null=True)),
                ('amount', orchestrator.fields.AmountField()),
                ('stake', orchestrator.fields.AmountField()),
                ('ended_at', models.BigIntegerField(null=True)),
                ('source_chain', models.CharField(max_length=32)),
                ('source_stake', orchestrator.fields.AmountField()),
                ('source_ended_at', models.BigIntegerField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'indexes': [models.Index(fields=['chain', 'ended_at'], name='reservation_ended'), models.Index(fields=['source_chain', 'source_ended_at'], name='reservation_src_ended')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('source_ended_at', None), ('status', 'open')), models.Q(('ended_at__isnull', False), ('source_ended_at__isnull', False), ('status', 'ended')), _connector='OR'), name='reservation_ends_on_both_chains')],
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.CharField(max_length=32)),
                ('role', models.CharField(choices=[('lock', 'lock'), ('duty', 'duty')], max_length=8)),
                ('token', models.CharField(max_length=64, null=True)),
                ('amount', orchestrator.fields.AmountField()),
                ('ended_at', models.BigIntegerField(null=True)),
                ('reservation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='holds', to='auctions_app.reservation')),
            ],
            options={
                'indexes': [models.Index(fields=['chain', 'ended_at'], name='hold_ended')],
                'constraints': [models.UniqueConstraint(fields=('reservation', 'chain', 'role', 'token'), name='hold_once_per_balance', nulls_distinct=False)],
            },
        ),
    ]
