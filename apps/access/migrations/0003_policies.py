"""Policies, and the typed attributes that they may ask for; every change of them raises the access version."""

import apps.access.models
import apps.core.ids
import django.contrib.gis.db.models.fields
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from apps.access.triggers import bump_on


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0001_initial'),
        ('access', '0002_service_accounts'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='AttributeDefinition',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('name', models.CharField(max_length=63, unique=True)),
                ('type', models.CharField(choices=[('text', 'text'), ('number', 'number'), ('boolean', 'boolean'), ('instant', 'instant'), ('text-list', 'text-list'), ('geometry', 'geometry')], max_length=12)),
                ('description', models.TextField(blank=True)),
            ],
            options={
                'verbose_name': 'user attribute',
                'ordering': ('name',),
                'constraints': [models.CheckConstraint(condition=models.Q(('name__regex', '^[a-z][a-z0-9_]{0,62}$')), name='access_attribute_name_is_plain'), models.CheckConstraint(condition=models.Q(('name__in', ['id', 'organisation_id']), _negated=True), name='access_attribute_name_is_free'), models.CheckConstraint(condition=models.Q(('type__in', ['text', 'number', 'boolean', 'instant', 'text-list', 'geometry'])), name='access_attribute_type_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('name', models.CharField(max_length=100)),
                ('description', models.TextField(blank=True)),
                ('effect', models.CharField(choices=[('permit', 'permit'), ('require', 'require'), ('deny', 'deny'), ('limit', 'limit')], max_length=8)),
                ('everybody', models.BooleanField(default=False)),
                ('actions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), size=None)),
                ('condition', models.TextField(blank=True)),
                ('hidden_fields', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, size=None)),
                ('coarsen_m', models.FloatField(blank=True, null=True, verbose_name='coarsen to metres')),
                ('delay_s', models.PositiveIntegerField(blank=True, null=True, verbose_name='delay by seconds')),
                ('mandatory', models.BooleanField(default=False)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('during', django.contrib.postgres.fields.ranges.DateTimeRangeField(default=apps.access.models.always)),
                ('groups', models.ManyToManyField(blank=True, related_name='+', to='auth.group')),
                ('organisation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='policies', to='access.organisation')),
                ('users', models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'policies',
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(models.F('organisation'), django.db.models.functions.text.Lower('name'), name='access_policy_name_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), ('actions__len__gt', 0)), name='access_policy_says_something'), models.CheckConstraint(condition=models.Q(('effect__in', ['permit', 'require', 'deny', 'limit'])), name='access_policy_effect_is_known'), models.CheckConstraint(condition=models.Q(('mandatory', False), ('effect', 'deny'), _connector='OR'), name='access_policy_only_denies_are_mandatory'), models.CheckConstraint(condition=models.Q(('effect__in', ['limit', 'permit']), models.Q(('coarsen_m__isnull', True), ('delay_s__isnull', True), ('hidden_fields', [])), _connector='OR'), name='access_policy_only_some_ask_to_keep'), models.CheckConstraint(condition=models.Q(('coarsen_m__isnull', True), models.Q(('coarsen_m__gt', 0), ('coarsen_m__lte', 1000000)), _connector='OR'), name='access_policy_grid_is_possible'), models.CheckConstraint(condition=models.Q(('during__isempty', False)), name='access_policy_period_not_empty')],
            },
        ),
        migrations.CreateModel(
            name='UserAttribute',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('value', models.JSONField(blank=True, null=True)),
                ('area', django.contrib.gis.db.models.fields.GeometryField(blank=True, null=True, srid=4326)),
                ('definition', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='values', to='access.attributedefinition')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attributes', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('user', 'definition__name'),
                'constraints': [models.UniqueConstraint(fields=('user', 'definition'), name='access_attribute_once_per_user'), models.CheckConstraint(condition=models.Q(('value__isnull', True), ('area__isnull', True), _connector='XOR'), name='access_attribute_value_or_area')],
            },
        ),
        bump_on("access_attributedefinition", update_of=("name", "type")),
        bump_on("access_userattribute"),
        bump_on("access_policy"),
        bump_on("access_policy_users"),
        bump_on("access_policy_groups"),
    ]
