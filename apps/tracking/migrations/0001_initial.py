# Django cannot create partitioned tables: Position is created by SQL, and only told to Django's state.

import apps.tracking.models
import apps.tracking.types
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


# The hot partition carries its key and a BRIN, nothing else. What fits no partition yet lands in the default one, so
# that no fix is ever refused for its date; `maintain_partitions` moves it on. Foreign keys would cost more than the row.
CREATE_POSITION = """
CREATE TABLE tracking_position (
    asset_id uuid NOT NULL,
    fixed_at timestamptz NOT NULL,
    source_id smallint NOT NULL,
    received_at timestamptz NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    altitude_m real,
    speed_mps real,
    course_deg real,
    heading_deg real,
    accuracy_m real,
    altitude_datum varchar(8),
    attributes jsonb,
    PRIMARY KEY (asset_id, fixed_at, source_id),
    CONSTRAINT position_is_in_world CHECK (lon >= -180 AND lon <= 180 AND lat >= -90 AND lat <= 90)
) PARTITION BY RANGE (fixed_at);
CREATE INDEX position_by_time ON tracking_position USING brin (fixed_at);
CREATE TABLE tracking_position_default PARTITION OF tracking_position DEFAULT;
"""

# Every fix rewrites its asset's row: with room on the page the new version needs no new index entries.
ROOM_FOR_HOT_UPDATES = "ALTER TABLE tracking_presence SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02)"


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0001_initial'),
        ('assets', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Source',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('slug', models.CharField(help_text='Senders name it: ?source=slug.', max_length=32, unique=True)),
                ('name', models.CharField(max_length=120)),
            ],
            options={
                'ordering': ['slug'],
                'constraints': [models.CheckConstraint(condition=models.Q(('slug__regex', '^[a-z0-9]+(?:[-_][a-z0-9]+)*$')), name='source_slug_is_slug'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='source_has_name')],
            },
        ),
        migrations.CreateModel(
            name='Stay',
            fields=[
                ('pk', models.CompositePrimaryKey('asset_id', 'zone_id', 'entered_at', blank=True, editable=False, primary_key=True, serialize=False)),
                ('asset_id', models.UUIDField()),
                ('zone_id', models.UUIDField()),
                ('entered_at', models.DateTimeField()),
                ('left_at', models.DateTimeField(null=True)),
                ('dwelt_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['zone_id', 'entered_at'], name='stay_in_zone'), models.Index(fields=['left_at'], name='stay_by_end')],
                'constraints': [models.CheckConstraint(condition=models.Q(('left_at__isnull', True), ('left_at__gte', models.F('entered_at')), _connector='OR'), name='stay_ends_after_it_begins'), models.UniqueConstraint(condition=models.Q(('left_at__isnull', True)), fields=('asset_id', 'zone_id'), name='stay_open_once')],
            },
        ),
        migrations.CreateModel(
            name='Quarantine',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('sender', models.CharField(editable=False, max_length=200)),
                ('reference', models.CharField(editable=False, max_length=200, verbose_name='asset as named by the sender')),
                ('code', models.CharField(editable=False, max_length=40)),
                ('detail', models.CharField(editable=False, max_length=300)),
                ('payload', models.TextField(editable=False)),
                ('received_at', models.DateTimeField(editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('organisation', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='access.organisation')),
                ('source', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tracking.source')),
            ],
            options={
                'verbose_name': 'quarantined report',
                'ordering': ['-received_at', '-id'],
                'indexes': [models.Index(fields=['received_at', 'id'], name='quarantine_by_age'), models.Index(fields=['organisation', 'received_at'], name='quarantine_of_organisation')],
            },
        ),
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('lon', models.FloatField(editable=False, null=True)),
                ('lat', models.FloatField(editable=False, null=True)),
                ('altitude_m', models.FloatField(editable=False, null=True)),
                ('altitude_datum', models.CharField(choices=[('AMSL', 'AMSL'), ('WGS84', 'WGS84'), ('AGL', 'AGL'), ('BARO', 'BARO')], editable=False, max_length=8, null=True)),
                ('speed_mps', models.FloatField(editable=False, null=True)),
                ('course_deg', models.FloatField(editable=False, null=True)),
                ('heading_deg', models.FloatField(editable=False, null=True)),
                ('accuracy_m', models.FloatField(editable=False, null=True)),
                ('attributes', models.JSONField(editable=False, null=True)),
                ('asset', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='presence', serialize=False, to='assets.asset')),
                ('fixed_at', models.DateTimeField(editable=False, null=True, verbose_name='latest fix')),
                ('received_at', models.DateTimeField(editable=False, null=True)),
                ('connectivity', models.CharField(choices=[('online', 'online'), ('late', 'late'), ('lost', 'lost')], default=apps.tracking.types.Connectivity['LOST'], editable=False, max_length=8)),
                ('zone_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, editable=False, size=None)),
                ('zone_since', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), default=list, editable=False, size=None)),
                ('zone_dwelt', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(null=True), default=list, editable=False, size=None)),
                ('due_at', models.DateTimeField(editable=False, null=True)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('source', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tracking.source')),
            ],
            options={
                'verbose_name_plural': 'presences',
                'ordering': ['asset_id'],
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='presence_due'), django.contrib.postgres.indexes.GinIndex(fields=['zone_ids'], name='presence_in_zone')],
                'constraints': [models.CheckConstraint(condition=models.Q(('connectivity__in', ['online', 'late', 'lost'])), name='presence_connectivity_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('fixed_at', None), ('lat', None), ('lon', None), ('received_at', None), ('source', None)), models.Q(('fixed_at__isnull', False), ('lat__gte', -90.0), ('lat__lte', 90.0), ('lon__gte', -180.0), ('lon__lte', 180.0), ('received_at__isnull', False), ('source__isnull', False)), _connector='OR'), name='presence_fix_is_whole'), models.CheckConstraint(condition=models.Q(('zone_dwelt__len', apps.tracking.models.Cardinality('zone_ids')), ('zone_since__len', apps.tracking.models.Cardinality('zone_ids'))), name='presence_stays_have_one_length')],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CREATE_POSITION, "DROP TABLE tracking_position")],
            state_operations=[
                migrations.CreateModel(
                    name='Position',
                    fields=[
                        ('altitude_m', models.FloatField(editable=False, null=True)),
                        ('altitude_datum', models.CharField(choices=[('AMSL', 'AMSL'), ('WGS84', 'WGS84'), ('AGL', 'AGL'), ('BARO', 'BARO')], editable=False, max_length=8, null=True)),
                        ('speed_mps', models.FloatField(editable=False, null=True)),
                        ('course_deg', models.FloatField(editable=False, null=True)),
                        ('heading_deg', models.FloatField(editable=False, null=True)),
                        ('accuracy_m', models.FloatField(editable=False, null=True)),
                        ('attributes', models.JSONField(editable=False, null=True)),
                        ('pk', models.CompositePrimaryKey('asset_id', 'fixed_at', 'source_id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('asset_id', models.UUIDField()),
                        ('fixed_at', models.DateTimeField()),
                        ('source_id', models.SmallIntegerField()),
                        ('received_at', models.DateTimeField()),
                        ('lon', models.FloatField()),
                        ('lat', models.FloatField()),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('lat__gte', -90.0), ('lat__lte', 90.0), ('lon__gte', -180.0), ('lon__lte', 180.0)), name='position_is_in_world')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(ROOM_FOR_HOT_UPDATES, migrations.RunSQL.noop),
    ]
