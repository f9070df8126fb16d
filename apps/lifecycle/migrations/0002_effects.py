"""Effects that transitions owe, and more causes of transitions."""

import apps.core.ids
import apps.lifecycle.types
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('lifecycle', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Effect',
            fields=[
                ('seq', models.BigAutoField(primary_key=True, serialize=False)),
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, unique=True)),
                ('kind', models.CharField(max_length=40)),
                ('params', models.JSONField(default=dict)),
                ('noun', models.CharField(max_length=40)),
                ('object_id', models.UUIDField()),
                ('object', models.JSONField()),
                ('transition', models.CharField(max_length=40)),
                ('from_state', models.CharField(blank=True, max_length=40)),
                ('to_state', models.CharField(max_length=40)),
                ('reason', models.TextField(blank=True)),
                ('effective_at', models.DateTimeField()),
                ('status', models.CharField(choices=[('owed', 'owed'), ('done', 'done'), ('dead', 'dead')], default=apps.lifecycle.types.EffectStatus['OWED'], max_length=8)),
                ('due_at', models.DateTimeField()),
                ('claims', models.PositiveSmallIntegerField(default=0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('last_error', models.TextField(blank=True, default='')),
                ('done_at', models.DateTimeField(blank=True, null=True)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ('seq',),
            },
        ),
        migrations.RemoveConstraint(
            model_name='transition',
            name='transition_cause_is_known',
        ),
        migrations.AlterField(
            model_name='transition',
            name='cause',
            field=models.CharField(choices=[('hand', 'hand'), ('rule', 'rule'), ('timer', 'timer'), ('event', 'event'), ('condition', 'condition'), ('service', 'service'), ('migration', 'migration')], max_length=12),
        ),
        migrations.AddConstraint(
            model_name='transition',
            constraint=models.CheckConstraint(condition=models.Q(('cause__in', ['hand', 'rule', 'timer', 'event', 'condition', 'service', 'migration'])), name='transition_cause_is_known'),
        ),
        migrations.AddIndex(
            model_name='effect',
            index=models.Index(condition=models.Q(('status', 'owed')), fields=['due_at', 'seq'], name='effect_due'),
        ),
        migrations.AddIndex(
            model_name='effect',
            index=models.Index(condition=models.Q(('status', 'owed')), fields=['noun', 'object_id', 'seq'], name='effect_line'),
        ),
        migrations.AddIndex(
            model_name='effect',
            index=models.Index(condition=models.Q(('status', 'done')), fields=['done_at'], name='effect_by_age'),
        ),
        migrations.AddIndex(
            model_name='effect',
            index=models.Index(condition=models.Q(('status', 'dead')), fields=['seq'], name='effect_dead'),
        ),
        migrations.AddConstraint(
            model_name='effect',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['owed', 'done', 'dead'])), name='effect_status_is_known'),
        ),
        migrations.AddConstraint(
            model_name='effect',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', False), ('status', 'done')), models.Q(models.Q(('status', 'done'), _negated=True), ('done_at__isnull', True)), _connector='OR'), name='effect_done_says_when'),
        ),
    ]
