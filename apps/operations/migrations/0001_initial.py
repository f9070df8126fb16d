"""The tables of operations: kinds, what is planned and held, assigned assets, approvals and grants."""

import apps.access.models
import apps.core.ids
import apps.operations.types
import datetime
import django.contrib.gis.db.models.fields
import django.contrib.gis.db.models.functions
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from apps.access.triggers import bump_on, record_on


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0004_changes'),
        ('assets', '0007_calls'),
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OperationKind',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('slug', models.CharField(max_length=64, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('colour', models.CharField(default='#7c3aed', help_text="The map's colour, #rrggbb.", max_length=7)),
                ('lifecycle', models.CharField(blank=True, default='', help_text='The key of the lifecycle that new ones of this kind follow. Empty means the shipped one.', max_length=40)),
                ('default_priority', models.PositiveSmallIntegerField(default=0, help_text='The priority of those that name none, 0 to 100; the higher goes first.')),
                ('may_share', models.BooleanField(default=False, help_text='May share space with an operation of equal priority whose kind may do so too.')),
                ('is_reviewed', models.BooleanField(default=False, help_text='Their own organisation has to approve them as well.', verbose_name='reviewed')),
                ('tolerance_m', models.FloatField(default=0.0, help_text='So far outside its volumes an asset still conforms.', verbose_name='tolerance (m)')),
                ('nonconforming_after', models.DurationField(default=datetime.timedelta(seconds=10), help_text='Outside for so long, the operation no longer conforms.')),
                ('contingent_after', models.DurationField(blank=True, help_text='Not conforming for so long, it is contingent. Empty means never.', null=True)),
            ],
            options={
                'verbose_name': 'operation kind',
                'ordering': ['name', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('slug__regex', '^[a-z0-9]+(?:[-_][a-z0-9]+)*$')), name='operation_kind_slug_is_slug'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='operation_kind_has_name'), models.CheckConstraint(condition=models.Q(('colour__regex', '^#[0-9a-f]{6}$')), name='operation_kind_colour_is_rgb'), models.CheckConstraint(condition=models.Q(('default_priority__lte', 100)), name='operation_kind_priority_in_range'), models.CheckConstraint(condition=models.Q(('nonconforming_after__gte', datetime.timedelta(0)), ('tolerance_m__gte', 0), models.Q(('contingent_after__isnull', True), ('contingent_after__gt', datetime.timedelta(0)), _connector='OR')), name='operation_kind_limits_in_range')],
            },
        ),
        migrations.CreateModel(
            name='Operation',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('state', models.CharField(blank=True, db_default='', default='', editable=False, max_length=40)),
                ('state_category', models.CharField(blank=True, db_default='', default='', editable=False, max_length=8)),
                ('state_since', models.DateTimeField(editable=False, null=True)),
                ('lifecycle_key', models.CharField(blank=True, db_default='', default='', editable=False, max_length=40)),
                ('lifecycle_version', models.PositiveSmallIntegerField(editable=False, null=True)),
                ('title', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True)),
                ('contact', models.CharField(blank=True, help_text='Whom to call about it. Told also to those in whose way it is.', max_length=200)),
                ('priority', models.PositiveSmallIntegerField(default=0)),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(editable=False, srid=4326)),
                ('starts_at', models.DateTimeField(editable=False)),
                ('ends_at', models.DateTimeField(editable=False)),
                ('contingent_after', models.DurationField(editable=False, null=True)),
                ('submitted_at', models.DateTimeField(editable=False, null=True)),
                ('approved_at', models.DateTimeField(editable=False, null=True)),
                ('closed_at', models.DateTimeField(editable=False, null=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.organisation')),
                ('kind', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='operations', to='operations.operationkind')),
            ],
            options={
                'ordering': ['-starts_at', '-id'],
                'permissions': (('submit_operation', 'Can submit operation'), ('withdraw_operation', 'Can withdraw operation'), ('activate_operation', 'Can activate operation'), ('declare_operation', 'Can declare operation contingent, or recovered'), ('end_operation', 'Can end operation'), ('cancel_operation', 'Can cancel operation'), ('view_calls_operation', 'Can see what services were asked about operation'), ('settle_calls_operation', 'Can try calls about operation again, or give them up'), ('share_operation', 'Can share operation')),
            },
        ),
        migrations.CreateModel(
            name='OperationUserGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always)),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='user_grants', to='operations.operation')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Volume',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('shape', models.JSONField()),
                ('footprint', django.contrib.gis.db.models.fields.MultiPolygonField(spatial_index=False, srid=4326)),
                ('lower_m', models.FloatField(blank=True, null=True, verbose_name='from height (m)')),
                ('lower_datum', models.CharField(blank=True, choices=[('AMSL', 'AMSL'), ('WGS84', 'WGS84'), ('AGL', 'AGL'), ('BARO', 'BARO')], max_length=8, verbose_name='above')),
                ('upper_m', models.FloatField(blank=True, null=True, verbose_name='to height (m)')),
                ('upper_datum', models.CharField(blank=True, choices=[('AMSL', 'AMSL'), ('WGS84', 'WGS84'), ('AGL', 'AGL'), ('BARO', 'BARO')], max_length=8, verbose_name='above')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('rule', models.CharField(blank=True, help_text='A weekly rule of RFC 5545.', max_length=200, verbose_name='recurs')),
                ('time_zone', models.CharField(blank=True, max_length=64)),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='volumes', to='operations.operation')),
            ],
            options={
                'ordering': ['operation_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Occupancy',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('box', django.contrib.gis.db.models.fields.PolygonField(spatial_index=False, srid=4326)),
                ('altitude', django.contrib.postgres.fields.ranges.IntegerRangeField()),
                ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                ('holds', models.BooleanField(default=False)),
                ('operation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='occupancies', to='operations.operation')),
                ('volume', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='occupancies', to='operations.volume')),
            ],
            options={
                'verbose_name_plural': 'occupancies',
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='ZoneReader',
            fields=[
                ('singleton', models.BooleanField(default=True, primary_key=True, serialize=False)),
                ('offset', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('singleton', True)), name='zone_reader_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='AssignedAsset',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='assets.asset')),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assigned', to='operations.operation')),
            ],
            options={
                'verbose_name': 'assigned asset',
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('operation', 'asset'), name='asset_assigned_once')],
            },
        ),
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('reason', models.CharField(choices=[('zone', "the zone needs its owner's authorisation"), ('organisation', 'its own organisation reviews operations of this kind'), ('not_comparable', 'the heights of another operation cannot be compared')], max_length=16)),
                ('zone_id', models.UUIDField(editable=False, null=True)),
                ('zone_name', models.CharField(blank=True, editable=False, max_length=200, verbose_name='zone')),
                ('other_id', models.UUIDField(editable=False, null=True)),
                ('decision', models.CharField(choices=[('open', 'open'), ('approved', 'approved'), ('rejected', 'rejected')], default=apps.operations.types.Decision['OPEN'], max_length=8)),
                ('note', models.TextField(blank=True)),
                ('decided_by', models.CharField(blank=True, editable=False, max_length=200)),
                ('decided_at', models.DateTimeField(editable=False, null=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.organisation')),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approvals', to='operations.operation')),
            ],
            options={
                'ordering': ['id'],
                'permissions': (('decide_approval', 'Can decide on approval'),),
                'indexes': [models.Index(condition=models.Q(('decision', apps.operations.types.Decision['OPEN'])), fields=['organisation', 'id'], name='approval_open')],
                'constraints': [models.UniqueConstraint(fields=('operation', 'organisation', 'reason', 'zone_id', 'other_id'), name='approval_asked_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('reason__in', ['zone', 'organisation', 'not_comparable'])), name='approval_reason_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by', ''), ('decision', apps.operations.types.Decision['OPEN'])), models.Q(('decided_at__isnull', False), ('decision__in', [apps.operations.types.Decision['APPROVED'], apps.operations.types.Decision['REJECTED']]), models.Q(('decided_by', ''), _negated=True)), _connector='OR'), name='approval_decided_says_who_and_when')],
            },
        ),
        migrations.CreateModel(
            name='OperationGroupGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always)),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_grants', to='operations.operation')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'abstract': False,
                'indexes': [models.Index(fields=['group', 'permission'], name='operationgroupgrant_of')],
                'constraints': [models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='operationgroupgrant_period_not_empty'), django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('group', '='), ('permission', '='), ('content_object', '='), ('during', '&&')], name='operationgroupgrant_once', violation_error_message='This is granted for that time already.')],
            },
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(fields=['starts_at', 'id'], name='operation_by_start'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(fields=['organisation', 'id'], name='operation_of_organisation'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('state_category', 'done'), _negated=True), fields=['state'], name='operation_not_over'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('title'), name='gin_trgm_ops'), name='operation_title_parts'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='operation_has_title'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(('priority__lte', 100)), name='operation_priority_in_range'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(('starts_at__lt', models.F('ends_at'))), name='operation_starts_before_it_ends'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(django.contrib.gis.db.models.functions.IsValid('area'), models.Q(django.contrib.gis.db.models.functions.IsEmpty('area'), _negated=True), ('area__coveredby', 'SRID=4326;POLYGON((-180 -90, 180 -90, 180 90, -180 90, -180 -90))')), name='operation_area_is_valid'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('lifecycle_key', ''), _negated=True), models.Q(('state', ''), _negated=True), ('state_category__in', ['open', 'active', 'done']), ('lifecycle_version__isnull', False), ('state_since__isnull', False)), models.Q(('lifecycle_key', ''), ('lifecycle_version__isnull', True), ('state', ''), ('state_category', ''), ('state_since__isnull', True)), _connector='OR'), name='operation_state_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(('lifecycle_key', ''), _negated=True), name='operation_follows_a_lifecycle'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'operation'), ('lifecycle_version', 1), _negated=True), models.Q(('state', 'draft'), _negated=True), models.Q(('approved_at', None), ('submitted_at', None)), _connector='OR'), name='operation_draft_was_never_submitted'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'operation'), ('lifecycle_version', 1), _negated=True), models.Q(('state__in', ['submitted', 'in_review', 'rejected']), _negated=True), models.Q(('approved_at', None), ('submitted_at__isnull', False)), _connector='OR'), name='operation_in_review_says_when'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'operation'), ('lifecycle_version', 1), _negated=True), models.Q(('state__in', ['approved', 'active', 'contingent', 'nonconforming']), _negated=True), models.Q(('approved_at__isnull', False), ('submitted_at__isnull', False)), _connector='OR'), name='operation_approved_says_when'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'operation'), ('lifecycle_version', 1), _negated=True), models.Q(('closed_at__isnull', False), ('state_category', 'done')), models.Q(models.Q(('state_category', 'done'), _negated=True), ('closed_at__isnull', True)), _connector='OR'), name='operation_over_says_when'),
        ),
        migrations.AddIndex(
            model_name='operationusergrant',
            index=models.Index(fields=['user', 'permission'], name='operationusergrant_of'),
        ),
        migrations.AddConstraint(
            model_name='operationusergrant',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='operationusergrant_period_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='operationusergrant',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('user', '='), ('permission', '='), ('content_object', '='), ('during', '&&')], name='operationusergrant_once', violation_error_message='This is granted for that time already.'),
        ),
        migrations.AddConstraint(
            model_name='volume',
            constraint=models.UniqueConstraint(fields=('operation', 'number'), name='volume_number_once'),
        ),
        migrations.AddConstraint(
            model_name='volume',
            constraint=models.CheckConstraint(condition=models.Q(django.contrib.gis.db.models.functions.IsValid('footprint'), models.Q(django.contrib.gis.db.models.functions.IsEmpty('footprint'), _negated=True)), name='volume_footprint_is_valid'),
        ),
        migrations.AddConstraint(
            model_name='volume',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lower_datum', ''), ('lower_m__isnull', True)), models.Q(('lower_datum__in', ['AMSL', 'WGS84', 'AGL', 'BARO']), ('lower_m__isnull', False)), _connector='OR'), name='volume_lower_has_datum'),
        ),
        migrations.AddConstraint(
            model_name='volume',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('upper_datum', ''), ('upper_m__isnull', True)), models.Q(('upper_datum__in', ['AMSL', 'WGS84', 'AGL', 'BARO']), ('upper_m__isnull', False)), _connector='OR'), name='volume_upper_has_datum'),
        ),
        migrations.AddConstraint(
            model_name='volume',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lower_datum', models.F('upper_datum')), _negated=True), ('lower_m__isnull', True), ('lower_m__lt', models.F('upper_m')), _connector='OR'), name='volume_lower_below_upper'),
        ),
        migrations.AddConstraint(
            model_name='volume',
            constraint=models.CheckConstraint(condition=models.Q(('starts_at__lt', models.F('ends_at'))), name='volume_starts_before_it_ends'),
        ),
        migrations.AddConstraint(
            model_name='volume',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('rule', ''), ('time_zone', '')), models.Q(models.Q(('rule', ''), _negated=True), models.Q(('time_zone', ''), _negated=True)), _connector='OR'), name='volume_recurs_somewhere'),
        ),
        migrations.AddIndex(
            model_name='occupancy',
            index=models.Index(fields=['operation', 'during'], name='occupancy_of_operation'),
        ),
        migrations.AddIndex(
            model_name='occupancy',
            index=django.contrib.postgres.indexes.GistIndex(condition=models.Q(('holds', True)), fields=['box', 'during', 'altitude'], name='occupancy_holding'),
        ),
        migrations.AddConstraint(
            model_name='occupancy',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False), ('during__lower_inc', True), ('during__upper_inc', True)), name='occupancy_during_is_closed'),
        ),
        migrations.AddConstraint(
            model_name='occupancy',
            constraint=models.CheckConstraint(condition=models.Q(('altitude__isempty', False)), name='occupancy_altitude_not_empty'),
        ),
        bump_on("operations_operationusergrant"),
        bump_on("operations_operationgroupgrant"),
        record_on("operations_operationusergrant", "operations_operationgroupgrant"),
    ]
