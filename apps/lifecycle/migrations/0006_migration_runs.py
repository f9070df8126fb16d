"""Migrations of objects that run in the background."""

import apps.core.ids
import apps.lifecycle.types
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('lifecycle', '0005_timers_swept'),
    ]

    operations = [
        migrations.CreateModel(
            name='MigrationRun',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=40)),
                ('from_version', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('to_version', models.PositiveSmallIntegerField()),
                ('states', models.JSONField(blank=True, default=dict)),
                ('timers', models.CharField(choices=[('recompute', 'recompute'), ('restart', 'restart'), ('keep', 'keep')], max_length=10)),
                ('asked_by_id', models.UUIDField()),
                ('asked_by', models.CharField(max_length=200)),
                ('status', models.CharField(choices=[('running', 'running'), ('done', 'done'), ('stopped', 'stopped')], default=apps.lifecycle.types.RunStatus['RUNNING'], max_length=8)),
                ('total', models.PositiveIntegerField(default=0)),
                ('moved', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('reached', models.UUIDField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('due_at', models.DateTimeField()),
                ('claims', models.PositiveSmallIntegerField(default=0)),
                ('asked_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'migration',
                'ordering': ('-asked_at', '-id'),
                'indexes': [models.Index(fields=['key', '-asked_at'], name='run_of_key')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['running', 'done', 'stopped'])), name='run_status_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('status', 'running')), models.Q(models.Q(('status', 'running'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='run_ended_says_when'), models.UniqueConstraint(models.F('key'), django.db.models.functions.comparison.Coalesce('from_version', 0), condition=models.Q(('status', 'running')), name='run_one_at_a_time')],
            },
        ),
    ]
