"""Rules, incidents and what belongs to them; sharing an incident moves the access version."""

import apps.core.ids
import datetime
import django.contrib.gis.db.models.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from apps.access.triggers import bump_on


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0001_initial'),
        ('assets', '0001_initial'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('zones', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('state', models.CharField(editable=False, max_length=40)),
                ('state_since', models.DateTimeField(editable=False)),
                ('lifecycle_version', models.PositiveSmallIntegerField(editable=False)),
                ('finding', models.CharField(blank=True, choices=[('entered', 'entered'), ('left', 'left'), ('dwelt', 'dwelt'), ('lost_contact', 'lost contact'), ('regained_contact', 'regained contact')], max_length=20)),
                ('title', models.CharField(max_length=300)),
                ('description', models.TextField(blank=True)),
                ('severity', models.PositiveSmallIntegerField(choices=[(1, 'Low'), (2, 'Moderate'), (3, 'High'), (4, 'Critical')], default=2)),
                ('asset_id', models.UUIDField(blank=True, null=True)),
                ('asset_name', models.CharField(blank=True, max_length=200, verbose_name='asset')),
                ('zone_id', models.UUIDField(blank=True, null=True)),
                ('zone_name', models.CharField(blank=True, max_length=200, verbose_name='zone')),
                ('location', django.contrib.gis.db.models.fields.PointField(blank=True, null=True, srid=4326)),
                ('escalate_after', models.DurationField(blank=True, null=True)),
                ('dedupe_key', models.CharField(blank=True, editable=False, max_length=120, null=True)),
                ('opened_at', models.DateTimeField()),
                ('last_found_at', models.DateTimeField(editable=False, null=True)),
                ('evidence_count', models.PositiveIntegerField(default=0, editable=False, verbose_name='evidence')),
                ('acknowledged_at', models.DateTimeField(editable=False, null=True)),
                ('escalated_at', models.DateTimeField(editable=False, null=True)),
                ('resolved_at', models.DateTimeField(editable=False, null=True)),
                ('closed_at', models.DateTimeField(editable=False, null=True)),
                ('assignee', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.organisation')),
            ],
            options={
                'ordering': ('-opened_at', '-id'),
                'permissions': (('comment_incident', 'Can comment on incident'), ('assign_incident', 'Can assign incident'), ('acknowledge_incident', 'Can acknowledge incident'), ('escalate_incident', 'Can escalate incident'), ('resolve_incident', 'Can resolve incident'), ('close_incident', 'Can close incident'), ('reopen_incident', 'Can reopen incident'), ('share_incident', 'Can share incident')),
            },
        ),
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('finding', models.CharField(choices=[('entered', 'entered'), ('left', 'left'), ('dwelt', 'dwelt'), ('lost_contact', 'lost contact'), ('regained_contact', 'regained contact')], max_length=20)),
                ('effective_at', models.DateTimeField()),
                ('since', models.DateTimeField(null=True)),
                ('asset', models.JSONField()),
                ('zone', models.JSONField(null=True)),
                ('fix', models.JSONField(null=True)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='evidence', to='incidents.incident')),
            ],
            options={
                'verbose_name_plural': 'evidence',
                'ordering': ('effective_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Rule',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('name', models.CharField(max_length=200)),
                ('finding', models.CharField(choices=[('entered', 'entered'), ('left', 'left'), ('dwelt', 'dwelt'), ('lost_contact', 'lost contact'), ('regained_contact', 'regained contact')], max_length=20)),
                ('severity', models.PositiveSmallIntegerField(choices=[(1, 'Low'), (2, 'Moderate'), (3, 'High'), (4, 'Critical')], default=2)),
                ('hysteresis', models.DurationField(default=datetime.timedelta(0), help_text='How long the finding must stay true before an incident opens.')),
                ('dedupe_window', models.DurationField(default=datetime.timedelta(seconds=600), help_text='For so long after the last finding, a further one joins the same incident even if that is over.')),
                ('escalate_after', models.DurationField(blank=True, help_text='Escalate by itself if nobody acts for so long. Empty means never.', null=True)),
                ('title_template', models.CharField(default='{asset} {finding} {zone}', help_text='May name {asset}, {zone} and {finding}.', max_length=200, verbose_name='title')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('asset_kind', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='assets.assetkind')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.organisation')),
                ('zone', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='zones.zone')),
                ('zone_kind', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='zones.zonekind')),
            ],
            options={
                'ordering': ('name', 'id'),
            },
        ),
        migrations.CreateModel(
            name='PendingFinding',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('entered', 'entered'), ('left', 'left'), ('dwelt', 'dwelt'), ('lost_contact', 'lost contact'), ('regained_contact', 'regained contact')], max_length=20)),
                ('asset_id', models.UUIDField()),
                ('zone_id', models.UUIDField(null=True)),
                ('effective_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('finding', models.JSONField(help_text='The whole finding, as rules.finding_from_json reads it.')),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('last_error', models.TextField(blank=True, default='')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pending', to='incidents.rule')),
            ],
            options={
                'ordering': ('due_at', 'id'),
            },
        ),
        migrations.AddField(
            model_name='incident',
            name='rule',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='incidents', to='incidents.rule'),
        ),
        migrations.CreateModel(
            name='Comment',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('author_label', models.CharField(max_length=200)),
                ('text', models.TextField()),
                ('said_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='comments', to='incidents.incident')),
            ],
            options={
                'ordering': ('id',),
                'constraints': [models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='comment_says_something')],
            },
        ),
        migrations.CreateModel(
            name='IncidentGroupGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_grants', to='incidents.incident')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'abstract': False,
                'unique_together': {('group', 'permission', 'content_object')},
            },
        ),
        migrations.CreateModel(
            name='IncidentUserGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='user_grants', to='incidents.incident')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'unique_together': {('user', 'permission', 'content_object')},
            },
        ),
        migrations.AddIndex(
            model_name='rule',
            index=models.Index(condition=models.Q(('is_enabled', True)), fields=['organisation', 'finding'], name='rule_enabled'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), models.Q(('title_template', ''), _negated=True)), name='rule_has_name'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('finding__in', ['entered', 'left', 'dwelt', 'lost_contact', 'regained_contact'])), name='rule_finding_is_known'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('severity__in', [1, 2, 3, 4])), name='rule_severity_is_known'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('dedupe_window__gte', datetime.timedelta(0)), ('hysteresis__gte', datetime.timedelta(0)), models.Q(('escalate_after__isnull', True), ('escalate_after__gt', datetime.timedelta(0)), _connector='OR')), name='rule_durations_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('zone__isnull', True), ('zone_kind__isnull', True), _connector='OR'), name='rule_zone_or_kind'),
        ),
        migrations.AddIndex(
            model_name='pendingfinding',
            index=models.Index(fields=['due_at'], name='pending_by_due'),
        ),
        migrations.AddIndex(
            model_name='pendingfinding',
            index=models.Index(fields=['asset_id', 'zone_id'], name='pending_of_asset'),
        ),
        migrations.AddConstraint(
            model_name='pendingfinding',
            constraint=models.UniqueConstraint(fields=('rule', 'asset_id', 'zone_id'), name='pending_once_per_rule_and_place', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='pendingfinding',
            constraint=models.CheckConstraint(condition=models.Q(('due_at__gte', models.F('effective_at'))), name='pending_due_after_start'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['opened_at', 'id'], name='incident_by_opening'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['organisation', 'opened_at'], name='incident_of_organisation'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('state__in', ('resolved', 'closed')), _negated=True), fields=['organisation', 'severity'], name='incident_not_over'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['dedupe_key', 'last_found_at'], name='incident_by_key'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['asset_id', 'opened_at'], name='incident_of_asset'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='incident_has_title'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('severity__in', [1, 2, 3, 4])), name='incident_severity_is_known'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'acknowledged', 'escalated', 'resolved', 'closed', 'reopened'])), name='incident_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['open', 'reopened']), _negated=True), models.Q(('acknowledged_at', None), ('closed_at', None), ('escalated_at', None), ('resolved_at', None)), _connector='OR'), name='incident_new_has_no_past'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'acknowledged'), _negated=True), ('acknowledged_at__isnull', False), _connector='OR'), name='incident_acknowledged_says_when'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'escalated'), _negated=True), ('escalated_at__isnull', False), _connector='OR'), name='incident_escalated_says_when'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolved_at__isnull', False), ('state__in', ('resolved', 'closed'))), models.Q(models.Q(('state__in', ('resolved', 'closed')), _negated=True), ('resolved_at__isnull', True)), _connector='OR'), name='incident_over_says_when'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', False), ('state', 'closed')), models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_at__isnull', True)), _connector='OR'), name='incident_closed_says_when'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('asset_id__isnull', True), models.Q(('asset_name', ''), _negated=True), _connector='OR'), models.Q(('zone_id__isnull', True), models.Q(('zone_name', ''), _negated=True), _connector='OR')), name='incident_names_what_it_knows'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('resolved', 'closed')), _negated=True), fields=('dedupe_key',), name='incident_once_while_not_over'),
        ),
        bump_on("incidents_incidentusergrant"),
        bump_on("incidents_incidentgroupgrant"),
    ]
