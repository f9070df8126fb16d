"""The log, its one epoch, and the triggers that keep events as they were written."""

import apps.core.ids
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models


IMMUTABLE = """
CREATE FUNCTION events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'An event never changes, and its offset is given once.' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER event_never_changes BEFORE UPDATE OF
    seq, id, type, noun, object_id, organisation_id, previous_organisation_id, also, actor_id, actor_label,
    occurred_at, recorded_at, data
ON events_event FOR EACH STATEMENT EXECUTE FUNCTION events_refuse_change();
CREATE TRIGGER event_numbered_once BEFORE UPDATE OF "offset"
ON events_event FOR EACH ROW WHEN (OLD."offset" IS NOT NULL) EXECUTE FUNCTION events_refuse_change();
"""
MUTABLE = """
DROP TRIGGER event_numbered_once ON events_event;
DROP TRIGGER event_never_changes ON events_event;
DROP FUNCTION events_refuse_change();
"""
# A log that was emptied is another log: its offsets begin again, so its epoch must be a new one.
EPOCH = """
CREATE FUNCTION events_begin_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events_epoch (singleton, value, head, floor) VALUES (true, gen_random_uuid(), 0, 0)
    ON CONFLICT (singleton) DO UPDATE SET value = gen_random_uuid(), head = 0, floor = 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER epoch_always_there AFTER TRUNCATE ON events_epoch
FOR EACH STATEMENT EXECUTE FUNCTION events_begin_epoch();
INSERT INTO events_epoch (singleton, value, head, floor) VALUES (true, gen_random_uuid(), 0, 0);
"""
NO_EPOCH = """
DROP TRIGGER epoch_always_there ON events_epoch;
DROP FUNCTION events_begin_epoch();
"""
# Every row waits for its number once, so the index of waiting rows and the log's head are made anew all the time:
# clean up often and leave room for updates in place.
VACUUM = """
ALTER TABLE events_event SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE events_epoch SET (fillfactor = 10, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);
"""
NO_VACUUM = """
ALTER TABLE events_event RESET (fillfactor, autovacuum_vacuum_scale_factor);
ALTER TABLE events_epoch RESET (fillfactor, autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor);
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Epoch',
            fields=[
                ('singleton', models.BooleanField(default=True, primary_key=True, serialize=False)),
                ('value', models.UUIDField(default=uuid.uuid4)),
                ('head', models.BigIntegerField(default=0)),
                ('floor', models.BigIntegerField(default=0)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('singleton', True)), name='epoch_is_one_row'), models.CheckConstraint(condition=models.Q(('floor__gte', 0), ('floor__lte', models.F('head'))), name='epoch_floor_below_head')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('seq', models.BigAutoField(primary_key=True, serialize=False)),
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, unique=True)),
                ('offset', models.BigIntegerField(editable=False, null=True, unique=True)),
                ('type', models.CharField(max_length=100)),
                ('noun', models.CharField(max_length=40)),
                ('object_id', models.UUIDField()),
                ('organisation_id', models.UUIDField(null=True)),
                ('previous_organisation_id', models.UUIDField(null=True)),
                ('also', models.JSONField(default=list)),
                ('actor_id', models.UUIDField(null=True)),
                ('actor_label', models.CharField(max_length=200)),
                ('occurred_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('data', models.JSONField()),
            ],
            options={
                'ordering': ('-seq',),
                'indexes': [models.Index(condition=models.Q(('offset__isnull', True)), fields=['seq'], name='event_unnumbered'), models.Index(fields=['object_id', 'seq'], name='event_of_object')],
            },
        ),
        migrations.RunSQL(IMMUTABLE, MUTABLE),
        migrations.RunSQL(EPOCH, NO_EPOCH),
        migrations.RunSQL(VACUUM, NO_VACUUM),
    ]
