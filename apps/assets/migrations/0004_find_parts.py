"""Parts of names and identifiers are found by an index."""

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_trigrams'),
        ('access', '0003_policies'),
        ('assets', '0003_grant_periods'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='asset',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('name'), name='gin_trgm_ops'), name='asset_name_parts'),
        ),
        migrations.AddIndex(
            model_name='identifier',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('value'), name='gin_trgm_ops'), name='identifier_value_parts'),
        ),
    ]
