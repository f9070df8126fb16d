"""Services, sagas and calls; an effect knows the entry in the history that owes it."""

import apps.core.ids
import datetime
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('lifecycle', '0003_definitions'),
    ]

    operations = [
        migrations.AddField(
            model_name='effect',
            name='transition_id',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='Saga',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('transition_id', models.UUIDField(unique=True)),
                ('noun', models.CharField(max_length=40)),
                ('object_id', models.UUIDField()),
                ('transition', models.CharField(max_length=40)),
                ('on_success', models.CharField(blank=True, max_length=40)),
                ('on_failure', models.CharField(blank=True, max_length=40)),
                ('state', models.CharField(choices=[('calling', 'calling'), ('undoing', 'undoing'), ('succeeded', 'succeeded'), ('failed', 'failed')], default='calling', max_length=12)),
                ('reason', models.TextField(blank=True, default='')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['noun', 'object_id', 'id'], name='saga_of_object')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('state__in', ['calling', 'undoing'])), models.Q(('finished_at__isnull', False), ('state__in', ['succeeded', 'failed'])), _connector='OR'), name='saga_is_over_or_not')],
            },
        ),
        migrations.CreateModel(
            name='Service',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('key', models.CharField(max_length=40, unique=True)),
                ('name', models.CharField(max_length=100)),
                ('base_url', models.CharField(max_length=500, verbose_name='base URL')),
                ('auth', models.CharField(choices=[('none', 'nothing'), ('bearer', 'bearer token'), ('basic', 'user and password'), ('header', 'a header')], default='none', max_length=8, verbose_name='authentication')),
                ('header', models.CharField(blank=True, help_text='Its name, where a header carries the secret.', max_length=100)),
                ('sealed_secret', models.TextField(blank=True, editable=False)),
                ('timeout', models.DurationField(default=datetime.timedelta(seconds=10), help_text='How long one request may take.', validators=[django.core.validators.MinValueValidator(datetime.timedelta(microseconds=100000)), django.core.validators.MaxValueValidator(datetime.timedelta(seconds=120))])),
                ('concurrency', models.PositiveSmallIntegerField(default=8, help_text='Requests at once, of all workers together.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)])),
                ('break_after', models.PositiveSmallIntegerField(default=5, help_text='So many failures in a row break the circuit.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                ('break_for', models.DurationField(default=datetime.timedelta(seconds=30), help_text='How long a broken circuit stays broken before one call tries it.', validators=[django.core.validators.MinValueValidator(datetime.timedelta(microseconds=100000)), django.core.validators.MaxValueValidator(datetime.timedelta(seconds=3600))])),
                ('is_enabled', models.BooleanField(default=True)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('open_until', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'ordering': ('key',),
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('auth', 'none'), ('sealed_secret', '')), models.Q(models.Q(('auth', 'none'), _negated=True), models.Q(('sealed_secret', ''), _negated=True)), _connector='OR'), name='service_secret_where_one_is_sent'), models.CheckConstraint(condition=models.Q(models.Q(('auth', 'header'), models.Q(('header', ''), _negated=True)), models.Q(models.Q(('auth', 'header'), _negated=True), ('header', '')), _connector='OR'), name='service_header_where_it_carries'), models.CheckConstraint(condition=models.Q(('break_after__gte', 1), ('concurrency__gte', 1)), name='service_limits_are_some')],
            },
        ),
        migrations.CreateModel(
            name='Call',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('place', models.PositiveSmallIntegerField()),
                ('method', models.CharField(max_length=6)),
                ('path', models.CharField(max_length=1000)),
                ('body', models.JSONField(blank=True, null=True)),
                ('undo', models.JSONField(blank=True, null=True)),
                ('awaits', models.CharField(choices=[('answer', 'the answer'), ('callback', 'a callback'), ('event', 'an event')], default='answer', max_length=8)),
                ('event_type', models.CharField(blank=True, max_length=100)),
                ('event_match', models.TextField(blank=True)),
                ('answer_within', models.DurationField()),
                ('within', models.DurationField()),
                ('most_attempts', models.PositiveSmallIntegerField()),
                ('first_pause', models.DurationField()),
                ('longest_pause', models.DurationField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('awaiting', 'awaiting the answer'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('skipped', 'not made'), ('compensating', 'being undone'), ('compensated', 'undone'), ('stuck', 'stuck')], default='waiting', max_length=12)),
                ('turn', models.PositiveIntegerField(default=0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('give_up_at', models.DateTimeField(blank=True, null=True)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('status', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('answer', models.TextField(blank=True, default='')),
                ('last_error', models.CharField(blank=True, default='', max_length=300)),
                ('token_hash', models.BinaryField(max_length=32, unique=True)),
                ('token_until', models.DateTimeField(editable=False)),
                ('token_used_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('decided', models.CharField(blank=True, default='', max_length=8)),
                ('decided_by', models.CharField(blank=True, default='', max_length=200)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('saga', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='calls', to='lifecycle.saga')),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='calls', to='lifecycle.service')),
            ],
            options={
                'ordering': ('saga', 'place'),
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['service', 'due_at'], name='call_due'), models.Index(condition=models.Q(('claimed_until__isnull', False)), fields=['service', 'claimed_until'], name='call_in_hand'), models.Index(condition=models.Q(('give_up_at__isnull', False)), fields=['give_up_at'], name='call_to_give_up'), models.Index(condition=models.Q(('state', 'stuck')), fields=['id'], name='call_stuck')],
                'constraints': [models.UniqueConstraint(fields=('saga', 'place'), name='call_once_per_place'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'awaiting', 'succeeded', 'failed', 'skipped', 'compensating', 'compensated', 'stuck'])), name='call_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['running', 'awaiting']), _negated=True), ('due_at__isnull', False), _connector='OR'), name='call_is_due_while_it_runs'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['succeeded', 'failed', 'skipped', 'compensated', 'stuck']), _negated=True), models.Q(('claimed_until__isnull', True), ('due_at__isnull', True)), _connector='OR'), name='call_that_is_over_is_not_due')],
            },
        ),
    ]
