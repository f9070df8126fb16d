"""Find the sagas that were over long ago, to forget them."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0006_migration_runs")]

    operations = [
        migrations.AddIndex(
            model_name="saga",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False)), fields=["finished_at"], name="saga_age"
            ),
        ),
    ]
