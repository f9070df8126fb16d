# Events from outside keep the source and the id that they came with.

from django.db import migrations, models

COLUMNS = (
    "seq, id, type, noun, object_id, organisation_id, previous_organisation_id, also, actor_id, actor_label, "
    "occurred_at, recorded_at, data"
)
REPLACE = """
DROP TRIGGER event_never_changes ON events_event;
CREATE TRIGGER event_never_changes BEFORE UPDATE OF {columns}
ON events_event FOR EACH STATEMENT EXECUTE FUNCTION events_refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='source',
            field=models.CharField(max_length=200, null=True),
        ),
        migrations.AddField(
            model_name='event',
            name='source_id',
            field=models.CharField(max_length=200, null=True),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.UniqueConstraint(condition=models.Q(('source__isnull', False)), fields=('actor_id', 'source', 'source_id'), name='event_once_per_sender'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('source__isnull', True), ('source_id__isnull', True)), models.Q(('source__isnull', False), ('source_id__isnull', False)), _connector='OR'), name='event_source_is_whole'),
        ),
        migrations.RunSQL(
            REPLACE.format(columns=f"{COLUMNS}, source, source_id"), REPLACE.format(columns=COLUMNS)
        ),
    ]
