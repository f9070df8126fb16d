"""Grants are written down as they are given and taken back."""

from django.db import migrations

from apps.access.triggers import record_on


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_changes'),
        ('incidents', '0005_keep_who_and_why'),
    ]

    operations = [record_on("incidents_incidentusergrant", "incidents_incidentgroupgrant")]
