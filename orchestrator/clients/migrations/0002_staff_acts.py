from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0001_initial'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='apiclient',
            options={'permissions': (('switch_client', 'Can switch a client off and on'),)},
        ),
        migrations.AlterModelOptions(
            name='apikey',
            options={'permissions': (('revoke_key', 'Can revoke a key'),)},
        ),
    ]
