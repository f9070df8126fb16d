"""Incidents follow any definition, which their rule names; what is there follows the shipped one."""

from django.conf import settings
from django.db import migrations, models


SHIPPED = """
UPDATE incidents_incident SET lifecycle_key = 'incident', state_category = CASE
    WHEN state IN ('open', 'reopened') THEN 'open'
    WHEN state IN ('resolved', 'closed') THEN 'done'
    ELSE 'active'
END;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0003_policies'),
        ('incidents', '0003_rule_set'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='incident',
            name='incident_state_is_known',
        ),
        migrations.RemoveConstraint(
            model_name='incident',
            name='incident_new_has_no_past',
        ),
        migrations.RemoveConstraint(
            model_name='incident',
            name='incident_acknowledged_says_when',
        ),
        migrations.RemoveConstraint(
            model_name='incident',
            name='incident_escalated_says_when',
        ),
        migrations.RemoveConstraint(
            model_name='incident',
            name='incident_over_says_when',
        ),
        migrations.RemoveConstraint(
            model_name='incident',
            name='incident_closed_says_when',
        ),
        migrations.RemoveConstraint(
            model_name='incident',
            name='incident_once_while_not_over',
        ),
        migrations.RemoveIndex(
            model_name='incident',
            name='incident_not_over',
        ),
        migrations.AddField(
            model_name='incident',
            name='lifecycle_key',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='incident',
            name='state_category',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=8),
        ),
        migrations.AlterField(
            model_name='incident',
            name='lifecycle_version',
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='incident',
            name='state',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=40),
        ),
        migrations.AlterField(
            model_name='incident',
            name='state_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='rule',
            name='lifecycle',
            field=models.CharField(blank=True, db_default='', default='', help_text='The key of the lifecycle that its incidents follow. Empty means the shipped one.', max_length=40),
        ),
        migrations.RunSQL(SHIPPED, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('state_category', 'done'), _negated=True), fields=['organisation', 'severity'], name='incident_not_over'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('lifecycle_key', ''), _negated=True), models.Q(('state', ''), _negated=True), ('state_category__in', ['open', 'active', 'done']), ('lifecycle_version__isnull', False), ('state_since__isnull', False)), models.Q(('lifecycle_key', ''), ('lifecycle_version__isnull', True), ('state', ''), ('state_category', ''), ('state_since__isnull', True)), _connector='OR'), name='incident_state_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('lifecycle_key', ''), _negated=True), name='incident_follows_a_lifecycle'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'incident'), ('lifecycle_version', 1), _negated=True), models.Q(('state__in', ['open', 'reopened']), _negated=True), models.Q(('acknowledged_at', None), ('closed_at', None), ('escalated_at', None), ('resolved_at', None)), _connector='OR'), name='incident_new_has_no_past'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'incident'), ('lifecycle_version', 1), _negated=True), models.Q(('state', 'acknowledged'), _negated=True), ('acknowledged_at__isnull', False), _connector='OR'), name='incident_acknowledged_says_when'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'incident'), ('lifecycle_version', 1), _negated=True), models.Q(('state', 'escalated'), _negated=True), ('escalated_at__isnull', False), _connector='OR'), name='incident_escalated_says_when'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'incident'), ('lifecycle_version', 1), _negated=True), models.Q(('resolved_at__isnull', False), ('state_category', 'done')), models.Q(models.Q(('state_category', 'done'), _negated=True), ('resolved_at__isnull', True)), _connector='OR'), name='incident_over_says_when'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'incident'), ('lifecycle_version', 1), _negated=True), models.Q(('closed_at__isnull', False), ('state', 'closed')), models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_at__isnull', True)), _connector='OR'), name='incident_closed_says_when'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('state_category', 'done'), _negated=True), fields=('dedupe_key',), name='incident_once_while_not_over'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifecycle_key', 'incident'), ('lifecycle_version', 1), _negated=True), models.Q(('state__in', ['open', 'reopened']), ('state_category', 'open')), models.Q(('state__in', ['acknowledged', 'escalated']), ('state_category', 'active')), models.Q(('state__in', ['resolved', 'closed']), ('state_category', 'done')), _connector='OR'), name='incident_state_is_known'),
        ),
    ]
