"""Grants are for a period; what was granted before stays without bounds."""

import apps.access.models
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('zones', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterUniqueTogether(
            name='zonegroupgrant',
            unique_together=set(),
        ),
        migrations.AlterUniqueTogether(
            name='zoneusergrant',
            unique_together=set(),
        ),
        migrations.AddField(
            model_name='zonegroupgrant',
            name='during',
            field=django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always),
        ),
        migrations.AddField(
            model_name='zoneusergrant',
            name='during',
            field=django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always),
        ),
        migrations.AddIndex(
            model_name='zonegroupgrant',
            index=models.Index(fields=['group', 'permission'], name='zonegroupgrant_of'),
        ),
        migrations.AddIndex(
            model_name='zoneusergrant',
            index=models.Index(fields=['user', 'permission'], name='zoneusergrant_of'),
        ),
        migrations.AddConstraint(
            model_name='zonegroupgrant',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='zonegroupgrant_period_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='zonegroupgrant',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('group', '='), ('permission', '='), ('content_object', '='), ('during', '&&')], name='zonegroupgrant_once', violation_error_message='This is granted for that time already.'),
        ),
        migrations.AddConstraint(
            model_name='zoneusergrant',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='zoneusergrant_period_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='zoneusergrant',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('user', '='), ('permission', '='), ('content_object', '='), ('during', '&&')], name='zoneusergrant_once', violation_error_message='This is granted for that time already.'),
        ),
    ]
