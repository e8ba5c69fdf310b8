from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='auditentry',
            name='kind',
            field=models.CharField(choices=[('session', 'Session'), ('signer', 'Signer'), ('route', 'Route'), ('chain', 'Chain'), ('client', 'Client'), ('vault', 'Vault')], max_length=8),
        ),
    ]
