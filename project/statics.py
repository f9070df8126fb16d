"""Static files in production: hashed names, except for modules that refer to each other by name."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Hash and compress every file; leave an unknown name as it is instead of failing the page.

    Browser modules under ``vendor/`` import one another (and the map's worker) by plain file names, so they
    keep theirs; their folder carries the version instead.
    """

    manifest_strict = False

    def hashed_name(self, name: str, content: object = None, filename: str | None = None) -> str:
        """Return ``name`` itself for browser modules, its hashed form for everything else."""
        if name.endswith(".mjs") or name.startswith("vendor/"):
            return name
        hashed: str = super().hashed_name(name, content, filename)
        return hashed
