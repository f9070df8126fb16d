"""Definitions as data, how far the log was read for their events, and answers in the history."""

import apps.core.ids
import apps.lifecycle.types
import django.db.models.functions.datetime
from django.db import migrations, models


IMMUTABLE = """
CREATE FUNCTION lifecycle_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status <> 'draft'
        AND (NEW.id, NEW.key, NEW.number, NEW.noun, NEW.title, NEW.document, NEW.published_at)
        IS NOT DISTINCT FROM (OLD.id, OLD.key, OLD.number, OLD.noun, OLD.title, OLD.document, OLD.published_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'A published lifecycle never changes.' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER definition_never_changes BEFORE UPDATE OR DELETE ON lifecycle_definitionversion
FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION lifecycle_refuse_change();
"""
MUTABLE = """
DROP TRIGGER definition_never_changes ON lifecycle_definitionversion;
DROP FUNCTION lifecycle_refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('lifecycle', '0002_effects'),
    ]

    operations = [
        migrations.AddField(
            model_name='transition',
            name='answers',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.CreateModel(
            name='DefinitionVersion',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('key', models.CharField(max_length=40)),
                ('number', models.PositiveSmallIntegerField(verbose_name='version')),
                ('noun', models.CharField(max_length=40)),
                ('title', models.CharField(blank=True, max_length=60)),
                ('status', models.CharField(choices=[('draft', 'draft'), ('published', 'published'), ('retired', 'retired')], default=apps.lifecycle.types.Status['DRAFT'], max_length=10)),
                ('document', models.TextField()),
                ('is_shipped', models.BooleanField(default=False, verbose_name='shipped')),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('published_by', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'verbose_name': 'lifecycle',
                'ordering': ('key', '-number'),
                'constraints': [models.UniqueConstraint(fields=('key', 'number'), name='definition_once'), models.UniqueConstraint(condition=models.Q(('status', 'draft')), fields=('key',), name='definition_one_draft'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'published', 'retired'])), name='definition_status_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('published_at__isnull', True), ('status', 'draft')), models.Q(models.Q(('status', 'draft'), _negated=True), ('published_at__isnull', False)), _connector='OR'), name='definition_published_says_when')],
            },
        ),
        migrations.CreateModel(
            name='LogReader',
            fields=[
                ('singleton', models.BooleanField(default=True, primary_key=True, serialize=False)),
                ('offset', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('singleton', True)), name='log_reader_is_one_row')],
            },
        ),
        migrations.RunSQL(IMMUTABLE, MUTABLE),
    ]
