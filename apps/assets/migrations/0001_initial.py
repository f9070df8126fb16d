"""The tables of assets; a grant on one raises the access version."""

import apps.core.ids
import datetime
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from apps.access.triggers import bump_on


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0001_initial'),
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AssetKind',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('slug', models.CharField(max_length=64, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('icon', models.CharField(blank=True, help_text="The map's symbol for assets of this kind.", max_length=64)),
                ('attributes_schema', models.JSONField(blank=True, default=dict, help_text='JSON Schema (draft 2020-12) that the attributes of every asset of this kind must meet.')),
                ('late_after', models.DurationField(default=datetime.timedelta(seconds=300), help_text='Silence after which an asset is late.')),
                ('lost_after', models.DurationField(default=datetime.timedelta(seconds=900), help_text='Silence after which it is lost.')),
            ],
            options={
                'verbose_name': 'asset kind',
                'ordering': ['name', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('slug__regex', '^[a-z0-9]+(?:[-_][a-z0-9]+)*$')), name='asset_kind_slug_is_slug'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='asset_kind_has_name'), models.CheckConstraint(condition=models.Q(('late_after__gt', datetime.timedelta(0)), ('lost_after__gt', models.F('late_after'))), name='asset_kind_late_before_lost')],
            },
        ),
        migrations.CreateModel(
            name='Asset',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('name', models.CharField(max_length=200)),
                ('attributes', models.JSONField(blank=True, default=dict)),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.organisation')),
                ('kind', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assets', to='assets.assetkind')),
            ],
            options={
                'ordering': ['name', 'id'],
                'permissions': (('track_asset', 'Can follow asset'), ('report_asset', 'Can report positions of asset'), ('share_asset', 'Can share asset')),
            },
        ),
        migrations.CreateModel(
            name='AssetUserGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='user_grants', to='assets.asset')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Device',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('protocol', models.CharField(choices=[('api', 'api'), ('osmand', 'osmand'), ('owntracks', 'owntracks'), ('ais', 'ais')], max_length=16)),
                ('device_id', models.CharField(max_length=200, verbose_name='device id')),
                ('is_open', models.BooleanField(default=False, help_text='Its id alone is enough to report, without a key.', verbose_name='open')),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='devices', to='assets.asset')),
                ('key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='access.devicekey', verbose_name='key')),
            ],
            options={
                'ordering': ['protocol', 'device_id'],
            },
        ),
        migrations.CreateModel(
            name='Identifier',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('scheme', models.CharField(help_text='What numbers it: mmsi, icao24, plate.', max_length=32)),
                ('value', models.CharField(max_length=200)),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='identifiers', to='assets.asset')),
            ],
            options={
                'ordering': ['scheme', 'value'],
            },
        ),
        migrations.CreateModel(
            name='AssetGroupGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_grants', to='assets.asset')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'abstract': False,
                'unique_together': {('group', 'permission', 'content_object')},
            },
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(fields=['organisation', 'id'], name='asset_of_organisation'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(fields=['name', 'id'], name='asset_by_name'),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='asset_has_name'),
        ),
        migrations.AlterUniqueTogether(
            name='assetusergrant',
            unique_together={('user', 'permission', 'content_object')},
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.UniqueConstraint(fields=('protocol', 'device_id'), name='device_is_one_asset'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.CheckConstraint(condition=models.Q(('protocol__in', ['api', 'osmand', 'owntracks', 'ais'])), name='device_protocol_is_known'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.CheckConstraint(condition=models.Q(('device_id', ''), _negated=True), name='device_has_id'),
        ),
        migrations.AddConstraint(
            model_name='identifier',
            constraint=models.UniqueConstraint(fields=('scheme', 'value'), name='identifier_is_one_asset'),
        ),
        migrations.AddConstraint(
            model_name='identifier',
            constraint=models.CheckConstraint(condition=models.Q(('scheme__regex', '^[a-z0-9]+(?:[-_][a-z0-9]+)*$')), name='identifier_scheme_is_slug'),
        ),
        migrations.AddConstraint(
            model_name='identifier',
            constraint=models.CheckConstraint(condition=models.Q(('value', ''), _negated=True), name='identifier_has_value'),
        ),
        bump_on("assets_assetusergrant"),
        bump_on("assets_assetgroupgrant"),
    ]
