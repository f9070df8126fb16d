"""What an incident names is not deleted under it: a rule is switched off, a person deactivated. Changes no table."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models import deletion


class Migration(migrations.Migration):
    """Refuse to delete rules and people that incidents and comments name."""

    dependencies = (
        ("incidents", "0004_any_lifecycle"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    )

    operations = (
        migrations.AlterField(
            "incident",
            "rule",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=deletion.PROTECT,
                related_name="incidents",
                to="incidents.rule",
            ),
        ),
        migrations.AlterField(
            "incident",
            "assignee",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            "comment",
            "author",
            models.ForeignKey(
                null=True, on_delete=deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
    )
