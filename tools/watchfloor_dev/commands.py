"""How each of Watchfloor's own processes is started on a developer's machine; `docker/` has the production form."""

from pathlib import Path

from watchfloor_dev.environment import python
from watchfloor_dev.paths import places
from watchfloor_dev.processes import Program

HOST = "127.0.0.1"
NAMES = ("web", "live", "serve", "worker", "clock", "berths", "pilots")


def program(name: str, *, port: int, stores: Path | None = None) -> Program:
    """One of `NAMES`; all but `worker` and `clock` listen on `port`. The demo's two services keep files in `stores`."""
    match name:
        case "web":
            command = [_tool("granian"), "--interface", "wsgi", *_address(port), "--no-ws", "project.wsgi:application"]
        case "live":
            command = [*_uvicorn(port), "project.asgi:application"]
        case "serve":
            command = [*_uvicorn(port), "project.serve:application"]
        case "berths" | "pilots":
            store = ["--store", str(stores / f"{name}.sqlite")] if stores else []
            later = ["--later"] if name == "pilots" else []
            command = [str(python()), "-m", "apps.console.demo.desks", "--port", str(port), *store, *later]
        case _:
            command = [str(python()), "manage.py", name]
    return Program(name=name, command=command)


def manage(*arguments: str) -> list[str]:
    """A call of Django's manage.py."""
    return [str(python()), "manage.py", *arguments]


def _uvicorn(port: int) -> list[str]:
    options = ["--no-access-log", "--ws-per-message-deflate", "false", "--timeout-graceful-shutdown", "8"]
    return [_tool("uvicorn"), *_address(port), *options]


def _address(port: int) -> list[str]:
    return ["--host", HOST, "--port", str(port)]


def _tool(name: str) -> str:
    return str(places().venv / "bin" / name)
