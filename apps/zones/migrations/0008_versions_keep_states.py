"""Versions of zones keep in which state it was; of those before it is not known."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('zones', '0007_lifecycles'),
    ]

    operations = [
        migrations.AddField(
            model_name='zoneversion',
            name='state',
            field=models.CharField(blank=True, db_default='', default='', max_length=40),
        ),
        migrations.AddField(
            model_name='zoneversion',
            name='state_category',
            field=models.CharField(blank=True, db_default='', default='', max_length=8),
        ),
    ]
