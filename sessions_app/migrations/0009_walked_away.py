from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auctions_app', '0003_route_switch'),
        ('clients', '0001_initial'),
        ('sessions_app', '0008_places'),
    ]

    operations = [
        migrations.AddField(
            model_name='session',
            name='payout_refused_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='payout_is_refused',
            field=models.BooleanField(default=False),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('status', 'refunded'), models.Q(('cancel_requested', True), ('payout_is_refused', True), _connector='OR')), fields=['client'], name='session_left_of_client'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('status', 'refunded'), models.Q(('cancel_requested', True), ('payout_is_refused', True), _connector='OR')), fields=['maker_source_account'], name='session_left_of_maker'),
        ),
    ]
