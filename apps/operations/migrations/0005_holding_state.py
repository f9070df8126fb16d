"""The clock asks for operations by states that hold space: the index that finds them says so."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_changes'),
        ('operations', '0004_review_rules'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='operation',
            name='operation_not_over',
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('state__in', ['active', 'approved', 'contingent', 'in_review', 'nonconforming', 'submitted'])), fields=['state'], name='operation_holding'),
        ),
    ]
