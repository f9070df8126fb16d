"""History and timers."""

import apps.core.ids
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Timer',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('noun', models.CharField(max_length=40)),
                ('object_id', models.UUIDField()),
                ('transition', models.CharField(max_length=40)),
                ('due_at', models.DateTimeField()),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('last_error', models.TextField(blank=True, default='')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ('due_at', 'id'),
                'indexes': [models.Index(condition=models.Q(('claimed_until__isnull', True)), fields=['due_at', 'id'], name='timer_unclaimed'), models.Index(condition=models.Q(('claimed_until__isnull', False)), fields=['claimed_until'], name='timer_claimed')],
                'constraints': [models.UniqueConstraint(fields=('noun', 'object_id', 'transition'), name='timer_once_per_transition')],
            },
        ),
        migrations.CreateModel(
            name='Transition',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('noun', models.CharField(max_length=40)),
                ('object_id', models.UUIDField()),
                ('name', models.CharField(max_length=40)),
                ('from_state', models.CharField(blank=True, max_length=40)),
                ('to_state', models.CharField(max_length=40)),
                ('cause', models.CharField(choices=[('hand', 'hand'), ('rule', 'rule'), ('timer', 'timer')], max_length=8)),
                ('actor_id', models.UUIDField(null=True)),
                ('actor_label', models.CharField(max_length=200)),
                ('reason', models.TextField(blank=True)),
                ('effective_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ('id',),
                'indexes': [models.Index(fields=['noun', 'object_id', 'id'], name='transition_of_object')],
                'constraints': [models.CheckConstraint(condition=models.Q(('cause__in', ['hand', 'rule', 'timer'])), name='transition_cause_is_known')],
            },
        ),
    ]
