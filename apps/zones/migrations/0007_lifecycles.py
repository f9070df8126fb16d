"""Zones follow lifecycles, which their kinds choose; what is there follows none."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_changes'),
        ('zones', '0006_record_grants'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='zone',
            options={'ordering': ['name', 'id'], 'permissions': (('share_zone', 'Can share zone'), ('advance_zone', 'Can move zone along its lifecycle'), ('view_calls_zone', 'Can see what services were asked about zone'), ('settle_calls_zone', 'Can try calls about zone again, or give them up'))},
        ),
        migrations.AddField(
            model_name='zone',
            name='lifecycle_key',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='zone',
            name='lifecycle_version',
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='zone',
            name='state',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='zone',
            name='state_category',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=8),
        ),
        migrations.AddField(
            model_name='zone',
            name='state_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='zonekind',
            name='lifecycle',
            field=models.CharField(blank=True, db_default='', default='', help_text='The key of the lifecycle that new ones of this kind follow. Empty means none.', max_length=40),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('lifecycle_key', ''), _negated=True), models.Q(('state', ''), _negated=True), ('state_category__in', ['open', 'active', 'done']), ('lifecycle_version__isnull', False), ('state_since__isnull', False)), models.Q(('lifecycle_key', ''), ('lifecycle_version__isnull', True), ('state', ''), ('state_category', ''), ('state_since__isnull', True)), _connector='OR'), name='zone_state_is_whole'),
        ),
    ]
