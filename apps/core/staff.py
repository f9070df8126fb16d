"""What the admin's forms of every noun share: the version that a form shows, and a refusal said on it again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError

from apps.core.models import Row
from apps.core.types import VersionConflict, WatchfloorError

# The hidden field by which a form says which version of its row it shows.
READ_VERSION = "_read_version"


def require_read_version(row: Row, read: str) -> None:
    """Lock the row and refuse to go on when it is not the one that the form showed; a form may not say."""
    now = type(row)._default_manager.select_for_update(of=("self",)).get(pk=row.pk)
    if read and read != str(now.version):
        raise VersionConflict(
            "Somebody changed this after you opened it, and nothing was saved. What you typed is still here. Look at"
            " what it says now in another window, then save again to put yours in its place.",
            details={"current_version": now.version},
        )


class RefusableForm:
    """Mixed into an admin form: says again what the service refused, so that nothing that was typed is lost.

    ``left_out`` are fields that the form must neither show nor take: also those that it declares itself.
    """

    refusal: WatchfloorError | None = None
    left_out: Collection[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields  # type: ignore[attr-defined]  # of the form
        for name in set(self.left_out) & set(fields):
            del fields[name]

    def clean(self) -> Any:
        """Return what was typed, or say what was refused."""
        cleaned = super().clean()  # type: ignore[misc]  # ModelForm.clean
        if self.refusal is None:
            return cleaned
        for error in self.refusal.errors:
            # REST says organisation_id and late_after_s where a form says organisation and late_after. A place in a
            # text (RFC 5147) stands after the field.
            asked = error.pointer.lstrip("/").split("/")[0].partition("#")[0]
            for name in {asked, asked.removesuffix("_id"), asked.removesuffix("_s")} & set(self.fields):  # type: ignore[attr-defined]
                self.add_error(name, error.detail)  # type: ignore[attr-defined]
        if isinstance(self.refusal, VersionConflict):
            for name in self.changed_data:  # type: ignore[attr-defined]
                self.add_error(name, "This is not what it says now.")  # type: ignore[attr-defined]
        raise ValidationError(self.refusal.message, code=self.refusal.code)
