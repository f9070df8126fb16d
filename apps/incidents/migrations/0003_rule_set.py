"""Rules are kept in memory under a token that the database renews."""

from django.db import migrations, models

from apps.core.triggers import TokenTrigger

TOKEN = TokenTrigger(
    table="incidents_ruleset",
    sequence="incidents_ruleset_token",
    function="incidents_renew_token",
    trigger="rule_set_changed",
)


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0002_grant_periods'),
    ]

    operations = [
        migrations.CreateModel(
            name='RuleSet',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='rule_set_is_one_row')],
            },
        ),
        TOKEN.create(),
        TOKEN.renew_on("incidents_rule"),
    ]
