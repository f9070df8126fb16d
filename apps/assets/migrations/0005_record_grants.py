"""Grants are written down as they are given and taken back."""

from django.db import migrations

from apps.access.triggers import record_on


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_changes'),
        ('assets', '0004_find_parts'),
    ]

    operations = [record_on("assets_assetusergrant", "assets_assetgroupgrant")]
