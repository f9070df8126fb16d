"""Sweep up what fired: a look for due timers passes over every index entry that is dead and not yet removed."""

from django.db import migrations

OFTEN = """
ALTER TABLE lifecycle_timer SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_index_cleanup = on
)
"""
AS_USUAL = """
ALTER TABLE lifecycle_timer RESET (
    autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, vacuum_index_cleanup
)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('lifecycle', '0004_calls'),
    ]

    operations = [
        migrations.RunSQL(OFTEN, AS_USUAL),
    ]
