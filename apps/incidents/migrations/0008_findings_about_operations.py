"""Findings may be about an operation as they may be about a zone."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_changes'),
        ('assets', '0007_calls'),
        ('incidents', '0007_calls'),
        ('zones', '0009_operation_constraints'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='pendingfinding',
            name='pending_once_per_rule_and_place',
        ),
        migrations.RemoveConstraint(
            model_name='rule',
            name='rule_finding_is_known',
        ),
        migrations.RemoveIndex(
            model_name='pendingfinding',
            name='pending_of_asset',
        ),
        migrations.RenameField(
            model_name='pendingfinding',
            old_name='zone_id',
            new_name='place_id',
        ),
        migrations.AddField(
            model_name='evidence',
            name='operation',
            field=models.JSONField(null=True),
        ),
        migrations.AlterField(
            model_name='evidence',
            name='finding',
            field=models.CharField(choices=[('entered', 'entered'), ('left', 'left'), ('dwelt', 'dwelt'), ('lost_contact', 'lost contact'), ('regained_contact', 'regained contact'), ('intruded', 'intruded'), ('withdrew', 'withdrew')], max_length=20),
        ),
        migrations.AlterField(
            model_name='incident',
            name='finding',
            field=models.CharField(blank=True, choices=[('entered', 'entered'), ('left', 'left'), ('dwelt', 'dwelt'), ('lost_contact', 'lost contact'), ('regained_contact', 'regained contact'), ('intruded', 'intruded'), ('withdrew', 'withdrew')], max_length=20),
        ),
        migrations.AlterField(
            model_name='pendingfinding',
            name='kind',
            field=models.CharField(choices=[('entered', 'entered'), ('left', 'left'), ('dwelt', 'dwelt'), ('lost_contact', 'lost contact'), ('regained_contact', 'regained contact'), ('intruded', 'intruded'), ('withdrew', 'withdrew')], max_length=20),
        ),
        migrations.AlterField(
            model_name='rule',
            name='finding',
            field=models.CharField(choices=[('entered', 'entered'), ('left', 'left'), ('dwelt', 'dwelt'), ('lost_contact', 'lost contact'), ('regained_contact', 'regained contact'), ('intruded', 'intruded'), ('withdrew', 'withdrew')], max_length=20),
        ),
        migrations.AddIndex(
            model_name='pendingfinding',
            index=models.Index(fields=['asset_id', 'place_id'], name='pending_of_asset'),
        ),
        migrations.AddConstraint(
            model_name='pendingfinding',
            constraint=models.UniqueConstraint(fields=('rule', 'asset_id', 'place_id'), name='pending_once_per_rule_and_place', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('finding__in', ['entered', 'left', 'dwelt', 'lost_contact', 'regained_contact', 'intruded', 'withdrew'])), name='rule_finding_is_known'),
        ),
    ]
