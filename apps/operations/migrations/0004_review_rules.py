"""Rules by which organisations review operations, and a token that says whether they are still those that asked."""

import apps.core.ids
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.db import migrations, models

from apps.core.triggers import TokenTrigger

# Which rules hold for an operation depends on the tree as well.
TOKEN = TokenTrigger(
    table="operations_reviewruleset",
    sequence="operations_reviewruleset_token",
    function="operations_renew_review_token",
    trigger="review_rule_set_changed",
)


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_changes'),
        ('operations', '0003_intrusions'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReviewRule',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('name', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True)),
                ('condition', models.TextField(blank=True)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
            ],
            options={
                'verbose_name': 'review rule',
                'ordering': ('name', 'id'),
            },
        ),
        migrations.CreateModel(
            name='ReviewRuleSet',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('version', models.BigIntegerField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='approval',
            name='approval_asked_once',
        ),
        migrations.RemoveConstraint(
            model_name='approval',
            name='approval_reason_is_known',
        ),
        migrations.AddField(
            model_name='approval',
            name='rule_id',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='approval',
            name='rule_name',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=200, verbose_name='rule'),
        ),
        migrations.AddField(
            model_name='operation',
            name='rules_version',
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AlterField(
            model_name='approval',
            name='reason',
            field=models.CharField(choices=[('zone', "the zone needs its owner's authorisation"), ('organisation', 'its own organisation reviews operations of this kind'), ('rule', 'a rule of the organisation reviews it'), ('not_comparable', 'the heights of another operation cannot be compared')], max_length=16),
        ),
        migrations.AlterField(
            model_name='operationkind',
            name='is_reviewed',
            field=models.BooleanField(default=False, help_text='Every organisation has to approve its own of this kind, beside what its review rules ask for.', verbose_name='reviewed'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.UniqueConstraint(fields=('operation', 'organisation', 'reason', 'zone_id', 'rule_id', 'other_id'), name='approval_asked_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['zone', 'organisation', 'rule', 'not_comparable'])), name='approval_reason_is_known'),
        ),
        migrations.AddField(
            model_name='reviewrule',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.organisation'),
        ),
        migrations.AddConstraint(
            model_name='reviewruleset',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='review_rule_set_is_one_row'),
        ),
        migrations.AddConstraint(
            model_name='reviewrule',
            constraint=models.UniqueConstraint(models.F('organisation'), django.db.models.functions.text.Lower('name'), name='review_rule_name_once'),
        ),
        migrations.AddConstraint(
            model_name='reviewrule',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='review_rule_has_name'),
        ),
        TOKEN.create(),
        TOKEN.renew_on("operations_reviewrule"),
        TOKEN.renew_on("access_organisation", update_of=["lineage"], inserts=False),
    ]
