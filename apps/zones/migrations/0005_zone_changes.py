"""Which zones changed with which token, so that a process takes over these and not all of them."""

from django.db import migrations, models

from apps.zones.triggers import log_zone_changes


class Migration(migrations.Migration):

    dependencies = [
        ('zones', '0004_external_id'),
    ]

    operations = [
        migrations.CreateModel(
            name='ZoneChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.BigIntegerField(db_index=True)),
                ('zone_id', models.UUIDField(null=True)),
            ],
        ),
        log_zone_changes(),
    ]
