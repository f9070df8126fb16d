"""Grants are for a period; what was granted before stays without bounds."""

import apps.access.models
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('incidents', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterUniqueTogether(
            name='incidentgroupgrant',
            unique_together=set(),
        ),
        migrations.AlterUniqueTogether(
            name='incidentusergrant',
            unique_together=set(),
        ),
        migrations.AddField(
            model_name='incidentgroupgrant',
            name='during',
            field=django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always),
        ),
        migrations.AddField(
            model_name='incidentusergrant',
            name='during',
            field=django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always),
        ),
        migrations.AddIndex(
            model_name='incidentgroupgrant',
            index=models.Index(fields=['group', 'permission'], name='incidentgroupgrant_of'),
        ),
        migrations.AddIndex(
            model_name='incidentusergrant',
            index=models.Index(fields=['user', 'permission'], name='incidentusergrant_of'),
        ),
        migrations.AddConstraint(
            model_name='incidentgroupgrant',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='incidentgroupgrant_period_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='incidentgroupgrant',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('group', '='), ('permission', '='), ('content_object', '='), ('during', '&&')], name='incidentgroupgrant_once', violation_error_message='This is granted for that time already.'),
        ),
        migrations.AddConstraint(
            model_name='incidentusergrant',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='incidentusergrant_period_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='incidentusergrant',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('user', '='), ('permission', '='), ('content_object', '='), ('during', '&&')], name='incidentusergrant_once', violation_error_message='This is granted for that time already.'),
        ),
    ]
