"""How well assets keep to what runs, and a token that says whether what somebody keeps of it still stands."""

from django.db import migrations, models

from apps.core.triggers import TokenTrigger

# Volumes and assets change with the version of their operation. What is only planned renews nothing, however much of it
# there is.
TOKEN = TokenTrigger(
    table="operations_runningset",
    sequence="operations_runningset_token",
    function="operations_renew_token",
    trigger="running_set_changed",
)


class Migration(migrations.Migration):

    dependencies = [
        ('assets', '0007_calls'),
        ('operations', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='RunningSet',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('version', models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name='assignedasset',
            name='distance_m',
            field=models.FloatField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='assignedasset',
            name='followed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='assignedasset',
            name='outside_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='assignedasset',
            name='progress',
            field=models.FloatField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='assignedasset',
            name='reached_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name='assignedasset',
            index=models.Index(condition=models.Q(('outside_since__isnull', False)), fields=['outside_since'], name='assigned_asset_outside'),
        ),
        migrations.AddConstraint(
            model_name='assignedasset',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('distance_m', None), ('followed_at__isnull', True), ('outside_since', None), ('reached_at', None)), models.Q(('followed_at__isnull', False), models.Q(('reached_at', None), ('reached_at__lte', models.F('followed_at')), _connector='OR'), models.Q(('outside_since', None), ('outside_since__lte', models.F('followed_at')), _connector='OR')), _connector='OR'), name='assigned_asset_is_followed_in_order'),
        ),
        migrations.AddConstraint(
            model_name='assignedasset',
            constraint=models.CheckConstraint(condition=models.Q(('progress', None), ('progress__range', (0, 1)), _connector='OR'), name='assigned_asset_progress_is_a_share'),
        ),
        migrations.AddConstraint(
            model_name='runningset',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='running_set_is_one_row'),
        ),
        TOKEN.create(),
        TOKEN.renew_where("operations_operation", "{row}.state IN ('active', 'nonconforming', 'contingent')"),
        TOKEN.renew_on("operations_operationkind"),
    ]
