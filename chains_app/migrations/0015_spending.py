import django.db.models.deletion
import orchestrator.fields
from django.db import migrations, models


SUM_UP = """
CREATE TEMPORARY TABLE counted ON COMMIT DROP AS
SELECT attempt.id, signer.chain, signer.account, attempt.cost_cap,
    date_trunc('minute', attempt.signed_at) AS since
FROM chains_app_attempt AS attempt JOIN chains_app_signer AS signer ON signer.id = signer_id
WHERE attempt.signed_at > statement_timestamp() - interval '25 hours' AND attempt.status <> 'void'
    AND NOT EXISTS (SELECT FROM chains_app_attempt AS newer WHERE newer.replaces_id = attempt.id);
INSERT INTO chains_app_spending (chain, account, since, amount)
SELECT chain, account, since, sum(cost_cap) FROM counted GROUP BY chain, account, since;
UPDATE chains_app_attempt AS attempt SET spending_id = spending.id
FROM counted JOIN chains_app_spending AS spending USING (chain, account, since)
WHERE attempt.id = counted.id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('chains_app', '0014_found_by'),
    ]

    operations = [
        migrations.CreateModel(
            name='Spending',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.CharField(max_length=32)),
                ('account', models.CharField(max_length=64)),
                ('since', models.DateTimeField()),
                ('amount', orchestrator.fields.AmountField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name='attempt',
            name='attempt_spending',
        ),
        migrations.AddIndex(
            model_name='spending',
            index=models.Index(fields=['chain', 'account', 'since'], name='spending_of_account'),
        ),
        migrations.AddField(
            model_name='attempt',
            name='spending',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chains_app.spending'),
        ),
        migrations.RunSQL(SUM_UP, migrations.RunSQL.noop),
    ]
