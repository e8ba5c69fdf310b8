from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chains_app', '0013_told_by_two'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['hash'], name='attempt_hash'),
        ),
        migrations.AddIndex(
            model_name='inboxfact',
            index=models.Index(condition=models.Q(('transaction__isnull', False)), fields=['transaction'], name='fact_transaction'),
        ),
    ]
