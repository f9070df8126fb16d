"""What a source calls a zone, so that an import finds it again; unique in its organisation."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0003_policies'),
        ('zones', '0003_find_parts'),
    ]

    operations = [
        migrations.AddField(
            model_name='zone',
            name='external_id',
            field=models.CharField(blank=True, db_default='', default='', editable=False, help_text='What its source calls it; by this an import finds it again.', max_length=200, verbose_name='id elsewhere'),
        ),
        migrations.AddConstraint(
            model_name='zone',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('organisation', 'external_id'), name='zone_external_id_once'),
        ),
    ]
