"""What follows a change of a kind: a row for each change, and a reason to ask; and a token that kinds renew as well."""

import django.db.models.deletion
from django.db import migrations, models

from apps.core.triggers import TokenTrigger

# A kind that is reviewed is one rule more, of every organisation.
TOKEN = TokenTrigger(
    table="operations_reviewruleset",
    sequence="operations_reviewruleset_token",
    function="operations_renew_review_token",
    trigger="review_rule_set_changed",
)

class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_changes'),
        ('operations', '0005_holding_state'),
    ]

    operations = [
        migrations.CreateModel(
            name='KindChange',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('after', models.UUIDField(null=True)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.RemoveConstraint(
            model_name='approval',
            name='approval_reason_is_known',
        ),
        migrations.AddField(
            model_name='approval',
            name='other_version',
            field=models.PositiveIntegerField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='approval',
            name='reason',
            field=models.CharField(choices=[('zone', "the zone needs its owner's authorisation"), ('organisation', 'its own organisation reviews operations of this kind'), ('rule', 'a rule of the organisation reviews it'), ('not_comparable', 'the heights of another operation cannot be compared'), ('not_shared', 'it may not share its space with another operation any more')], max_length=16),
        ),
        migrations.AlterField(
            model_name='operationkind',
            name='is_reviewed',
            field=models.BooleanField(default=False, help_text='Every organisation has to approve its own of this kind, beside what its review rules ask for. Where this changes, what is in review follows; what is approved stays approved.', verbose_name='reviewed'),
        ),
        migrations.AlterField(
            model_name='operationkind',
            name='may_share',
            field=models.BooleanField(default=False, help_text='May share space with an operation of equal priority whose kind may do so too. Where this is taken back, those that share are put in review until the organisation of the other agrees; whoever is under way is told.'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['zone', 'organisation', 'rule', 'not_comparable', 'not_shared'])), name='approval_reason_is_known'),
        ),
        migrations.AddField(
            model_name='kindchange',
            name='kind',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='operations.operationkind'),
        ),
        TOKEN.renew_where("operations_operationkind", "{row}.is_reviewed"),
    ]
