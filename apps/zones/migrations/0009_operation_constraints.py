"""Kinds of zones say what they mean for operations; those that there are mean nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('zones', '0008_versions_keep_states'),
    ]

    operations = [
        migrations.AddField(
            model_name='zonekind',
            name='constraint',
            field=models.CharField(blank=True, choices=[('', 'nothing'), ('advisory', 'advice'), ('conditional', 'conditions to keep'), ('authorisation', "authorisation by the zone's owner"), ('prohibited', 'prohibition')], db_default='', default='', help_text='What planning an operation in such a zone meets.', max_length=16, verbose_name='means for operations'),
        ),
        migrations.AddConstraint(
            model_name='zonekind',
            constraint=models.CheckConstraint(condition=models.Q(('constraint__in', ['', 'advisory', 'conditional', 'authorisation', 'prohibited'])), name='zone_kind_constraint_is_known'),
        ),
    ]
