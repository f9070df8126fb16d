"""Where GDAL and GEOS are: in the wheels of pyogrio and shapely, unless the operator says otherwise.

The wheels are newer than the distribution's libraries and are locked by hash like everything else. Their
file names carry a build hash, so they are found by pattern, and a missing one is an error with a name.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from project.env import Environment


def geo_libraries(env: Environment) -> tuple[str, str]:
    """Return the paths of ``(libgdal, libgeos_c)``; raise ``ImproperlyConfigured`` when one is missing."""
    gdal = env.gdal_library_path or _in_wheel("pyogrio", "libgdal*")
    geos = env.geos_library_path or _in_wheel("shapely", "libgeos_c*")
    return gdal, geos


def _in_wheel(package: str, pattern: str) -> str:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImproperlyConfigured(f"{package} is not installed, so {pattern} cannot be found.")
    site = Path(spec.origin).parent.parent
    found = sorted((site / f"{package}.libs").glob(pattern))
    if not found:
        raise ImproperlyConfigured(f"No {pattern} in {package}.libs; set the library path in the environment.")
    return str(found[0])
