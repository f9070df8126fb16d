"""Assets follow lifecycles, which their kinds choose; what is there follows none."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0003_policies'),
        ('assets', '0005_record_grants'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='asset',
            options={'ordering': ['name', 'id'], 'permissions': (('track_asset', 'Can follow asset'), ('report_asset', 'Can report positions of asset'), ('share_asset', 'Can share asset'), ('advance_asset', 'Can move asset along its lifecycle'))},
        ),
        migrations.AddField(
            model_name='asset',
            name='lifecycle_key',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='asset',
            name='lifecycle_version',
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='asset',
            name='state',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='asset',
            name='state_category',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=8),
        ),
        migrations.AddField(
            model_name='asset',
            name='state_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='assetkind',
            name='lifecycle',
            field=models.CharField(blank=True, db_default='', default='', help_text='The key of the lifecycle that new ones of this kind follow. Empty means none.', max_length=40),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('lifecycle_key', ''), _negated=True), models.Q(('state', ''), _negated=True), ('state_category__in', ['open', 'active', 'done']), ('lifecycle_version__isnull', False), ('state_since__isnull', False)), models.Q(('lifecycle_key', ''), ('lifecycle_version__isnull', True), ('state', ''), ('state_category', ''), ('state_since__isnull', True)), _connector='OR'), name='asset_state_is_whole'),
        ),
    ]
