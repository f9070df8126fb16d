"""Trigrams: parts of texts are found by an index."""

from __future__ import annotations

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):
    """Brings ``pg_trgm``, which PostgreSQL lets the owner of a database bring."""

    dependencies = [("core", "0001_initial")]
    operations = [TrigramExtension()]
