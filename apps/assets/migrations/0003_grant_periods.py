"""Grants are for a period; what was granted before stays without bounds."""

import apps.access.models
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('assets', '0002_asset_set'),
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterUniqueTogether(
            name='assetgroupgrant',
            unique_together=set(),
        ),
        migrations.AlterUniqueTogether(
            name='assetusergrant',
            unique_together=set(),
        ),
        migrations.AddField(
            model_name='assetgroupgrant',
            name='during',
            field=django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always),
        ),
        migrations.AddField(
            model_name='assetusergrant',
            name='during',
            field=django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always),
        ),
        migrations.AddIndex(
            model_name='assetgroupgrant',
            index=models.Index(fields=['group', 'permission'], name='assetgroupgrant_of'),
        ),
        migrations.AddIndex(
            model_name='assetusergrant',
            index=models.Index(fields=['user', 'permission'], name='assetusergrant_of'),
        ),
        migrations.AddConstraint(
            model_name='assetgroupgrant',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='assetgroupgrant_period_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='assetgroupgrant',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('group', '='), ('permission', '='), ('content_object', '='), ('during', '&&')], name='assetgroupgrant_once', violation_error_message='This is granted for that time already.'),
        ),
        migrations.AddConstraint(
            model_name='assetusergrant',
            constraint=models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='assetusergrant_period_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='assetusergrant',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('user', '='), ('permission', '='), ('content_object', '='), ('during', '&&')], name='assetusergrant_once', violation_error_message='This is granted for that time already.'),
        ),
    ]
