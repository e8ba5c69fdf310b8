from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auctions_app', '0003_route_switch'),
        ('clients', '0002_staff_acts'),
        ('sessions_app', '0009_walked_away'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['maker_source_account'], name='session_source_account'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['maker_destination_account'], name='session_destination_account'),
        ),
    ]
