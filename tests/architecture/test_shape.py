"""The size and the glue of the code: short files, no hidden arrows, every model in the admin, migrations complete."""

from __future__ import annotations

import ast

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command

from tests.architecture.source import APPS, CODE, place, python_files, tree

LONGEST_FILE = 500
GLUE = {"post_save", "pre_save", "post_delete", "pre_delete", "m2m_changed", "post_init", "pre_init", "receiver"}

# Rows that a person never looks at one by one; each has a reason.
NOT_IN_ADMIN = {
    "access.AccessVersion": "one counter",
    "access.SignInFailure": "counts attempts, forgotten within the day",
    "core.IdempotencyRecord": "kept for a day, holds other people's answers",
    "events.Epoch": "one value",
    "events.StreamCursor": "one value for each stream",
    "incidents.Comment": "on the incident's own page",
    "lifecycle.LogReader": "one cursor",
    "live.FeedTicket": "used within 30 seconds or gone",
    "tracking.Position": "the key is composite: tracks are on the asset's page and the map",
    "tracking.Stay": "on the presence's page",
    "assets.AssetSet": "one counter",
    "zones.ZoneSet": "one counter",
    "zones.ZoneChange": "which zones to read again, forgotten soon",
    "incidents.RuleSet": "one counter",
    "operations.RunningSet": "one counter",
    "operations.ReviewRuleSet": "one counter",
    "operations.Intrusion": "who may be told of it depends on the asset: over REST, and as a finding",
    "operations.ZoneReader": "one cursor",
    "operations.KindChange": "how far a change has been followed, forgotten soon",
}


def test_no_file_is_longer_than_a_person_will_read() -> None:
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*CODE)}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_model_signals_glue_applications_together() -> None:
    found = [
        place(path, node)
        for path in python_files(APPS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("django.d")
        and GLUE & {alias.name for alias in node.names}
    ]
    assert found == []


def test_every_module_says_what_it_owns() -> None:
    silent = [str(path) for path in python_files(*CODE) if path.stat().st_size and not ast.get_docstring(tree(path))]
    assert silent == []


def test_every_model_is_in_the_admin_or_says_why_not() -> None:
    ours = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
    missing = {model._meta.label for model in ours if not admin.site.is_registered(model)}
    inlined = {
        inline.model._meta.label for model_admin in admin.site._registry.values() for inline in model_admin.inlines
    }
    assert missing - inlined == set(NOT_IN_ADMIN) & missing


@pytest.mark.django_db
def test_migrations_say_all_that_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
