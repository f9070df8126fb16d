"""The tables of zones; a grant on one raises the access version, a change of one renews the zone set's token."""

import apps.core.ids
import apps.zones.models
import datetime
import django.contrib.gis.db.models.fields
import django.contrib.gis.db.models.functions
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from apps.access.triggers import bump_on
from apps.zones.triggers import TOKEN


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0001_initial'),
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ZoneKind',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('slug', models.CharField(max_length=64, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('label', models.CharField(blank=True, help_text='Short text that the map writes into the zone.', max_length=24)),
                ('colour', models.CharField(default='#3b82f6', help_text="The map's colour, #rrggbb.", max_length=7)),
            ],
            options={
                'verbose_name': 'zone kind',
                'ordering': ['name', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('slug__regex', '^[a-z0-9]+(?:[-_][a-z0-9]+)*$')), name='zone_kind_slug_is_slug'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='zone_kind_has_name'), models.CheckConstraint(condition=models.Q(('colour__regex', '^#[0-9a-f]{6}$')), name='zone_kind_colour_is_rgb')],
            },
        ),
        migrations.CreateModel(
            name='Zone',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('name', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True)),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('lower_m', models.FloatField(blank=True, null=True, verbose_name='from height (m)')),
                ('lower_datum', models.CharField(blank=True, choices=[('AMSL', 'AMSL'), ('WGS84', 'WGS84'), ('AGL', 'AGL'), ('BARO', 'BARO')], max_length=8, verbose_name='above')),
                ('upper_m', models.FloatField(blank=True, null=True, verbose_name='to height (m)')),
                ('upper_datum', models.CharField(blank=True, choices=[('AMSL', 'AMSL'), ('WGS84', 'WGS84'), ('AGL', 'AGL'), ('BARO', 'BARO')], max_length=8, verbose_name='above')),
                ('validity', django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.zones.models.always)),
                ('dwell_after', models.DurationField(blank=True, help_text='Who stays inside this long has dwelt; empty: nobody ever does.', null=True)),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.organisation')),
                ('kind', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='zones', to='zones.zonekind')),
            ],
            options={
                'ordering': ['name', 'id'],
                'permissions': (('share_zone', 'Can share zone'),),
            },
        ),
        migrations.CreateModel(
            name='ZoneSet',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='zone_set_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='ZoneUserGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='user_grants', to='zones.zone')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ZoneVersion',
            fields=[
                ('name', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True)),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('lower_m', models.FloatField(blank=True, null=True, verbose_name='from height (m)')),
                ('lower_datum', models.CharField(blank=True, choices=[('AMSL', 'AMSL'), ('WGS84', 'WGS84'), ('AGL', 'AGL'), ('BARO', 'BARO')], max_length=8, verbose_name='above')),
                ('upper_m', models.FloatField(blank=True, null=True, verbose_name='to height (m)')),
                ('upper_datum', models.CharField(blank=True, choices=[('AMSL', 'AMSL'), ('WGS84', 'WGS84'), ('AGL', 'AGL'), ('BARO', 'BARO')], max_length=8, verbose_name='above')),
                ('validity', django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.zones.models.always)),
                ('dwell_after', models.DurationField(blank=True, help_text='Who stays inside this long has dwelt; empty: nobody ever does.', null=True)),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('change', models.CharField(choices=[('created', 'created'), ('updated', 'updated'), ('deleted', 'deleted')], max_length=8)),
                ('kind_id', models.UUIDField()),
                ('organisation_id', models.UUIDField()),
                ('actor_label', models.CharField(max_length=200)),
                ('recorded_at', models.DateTimeField()),
                ('zone', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='versions', to='zones.zone')),
            ],
            options={
                'verbose_name': 'zone version',
                'ordering': ['zone_id', '-version'],
            },
        ),
        migrations.CreateModel(
            name='ZoneGroupGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_grants', to='zones.zone')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'abstract': False,
                'unique_together': {('group', 'permission', 'content_object')},
            },
        ),
        migrations.AddIndex(
            model_name='zone',
            index=models.Index(fields=['organisation', 'id'], name='zone_of_organisation'),
        ),
        migrations.AddIndex(
            model_name='zone',
            index=django.contrib.postgres.indexes.GistIndex(fields=['validity'], name='zone_by_validity'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='zone_has_name'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(django.contrib.gis.db.models.functions.IsValid('area'), models.Q(django.contrib.gis.db.models.functions.IsEmpty('area'), _negated=True)), name='zone_area_is_valid'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(('area__coveredby', 'SRID=4326;POLYGON((-180 -90, 180 -90, 180 90, -180 90, -180 -90))')), name='zone_area_is_in_world'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lower_datum', ''), ('lower_m__isnull', True)), models.Q(('lower_datum__in', ['AMSL', 'WGS84', 'AGL', 'BARO']), ('lower_m__isnull', False)), _connector='OR'), name='zone_lower_has_datum'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('upper_datum', ''), ('upper_m__isnull', True)), models.Q(('upper_datum__in', ['AMSL', 'WGS84', 'AGL', 'BARO']), ('upper_m__isnull', False)), _connector='OR'), name='zone_upper_has_datum'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lower_datum', models.F('upper_datum')), _negated=True), ('lower_m__isnull', True), ('lower_m__lt', models.F('upper_m')), _connector='OR'), name='zone_lower_below_upper'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(('validity__isempty', False), models.Q(('validity__lower_inc', True), ('validity__lower_inf', True), _connector='OR'), ('validity__upper_inc', False)), name='zone_validity_is_half_open'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.CheckConstraint(condition=models.Q(('dwell_after__isnull', True), ('dwell_after__gt', datetime.timedelta(0)), _connector='OR'), name='zone_dwell_is_positive'),
        ),
        migrations.AlterUniqueTogether(
            name='zoneusergrant',
            unique_together={('user', 'permission', 'content_object')},
        ),
        migrations.AddConstraint(
            model_name='zoneversion',
            constraint=models.UniqueConstraint(fields=('zone', 'version'), name='zone_version_once'),
        ),
        bump_on("zones_zoneusergrant"),
        bump_on("zones_zonegroupgrant"),
        TOKEN.create(),
        TOKEN.renew_on("zones_zone"),
    ]
