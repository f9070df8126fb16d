"""Parts of names and descriptions are found by an index; so is the order by name."""

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_trigrams'),
        ('access', '0003_policies'),
        ('zones', '0002_grant_periods'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='zone',
            index=models.Index(fields=['name', 'id'], name='zone_by_name'),
        ),
        migrations.AddIndex(
            model_name='zone',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('name'), name='gin_trgm_ops'), name='zone_name_parts'),
        ),
        migrations.AddIndex(
            model_name='zone',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('description'), name='gin_trgm_ops'), name='zone_description_parts'),
        ),
    ]
