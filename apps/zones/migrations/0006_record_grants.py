"""Grants are written down as they are given and taken back."""

from django.db import migrations

from apps.access.triggers import record_on


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_changes'),
        ('zones', '0005_zone_changes'),
    ]

    operations = [record_on("zones_zoneusergrant", "zones_zonegroupgrant")]
