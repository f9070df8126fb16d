"""A Chromium for each module, and a stage: the demonstration, running, on a floor of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from apps.console.demo.cast import PASSWORD
from tests.faults.floor import Floor, free_port
from watchfloor_dev.paths import CHECKOUT, places

# Software rendering: a machine that only tests has no graphics card.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"]
PATIENCE_MS = 60_000


def chromium() -> str:
    """Return the path of a Chromium, empty without one; ``./dev test`` names the one that it has brought."""
    return os.environ.get("WATCHFLOOR_CHROMIUM") or shutil.which("chromium") or ""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, or a reason to skip. For a module and no longer: Playwright's loop would disturb other tests."""
    if not chromium():
        pytest.skip("there is no Chromium; ./dev test brings one where apt works")
    if not (places().browser / "vendor").is_dir():
        pytest.skip("the browser's libraries are not installed; ./dev setup brings them")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


class Stage(Floor):
    """A floor with everything behind one port, as the demo has it."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.ports = {"serve": free_port()}

    def command(self, name: str) -> Sequence[str]:
        """How each process is started."""
        if name != "serve":
            return super().command(name)
        address = ["--host", "127.0.0.1", "--port", str(self.ports["serve"]), "--log-level", "warning"]
        return [str(Path(sys.executable).parent / "uvicorn"), *address, "project.serve:application"]

    def replay(self, *, key: str, speed: float) -> None:
        """Begin the replay; it ends with the stage."""
        arguments = ["--url", self.url("serve", ""), "--speed", str(speed)]
        with (self.home / "replay.log").open("ab") as log:
            self.processes["replay"] = subprocess.Popen(
                [sys.executable, "manage.py", "replay_demo", *arguments],
                cwd=CHECKOUT, env={**self.environment(), "WATCHFLOOR_DEMO_KEY": key}, stdout=log, stderr=log,
            )  # fmt: skip


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A directory with a short name, since sockets lie in it."""
    path = Path(tempfile.mkdtemp(prefix="wf-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Visitor:
    """One person in a browser of their own; what the browser complained about is kept."""

    def __init__(self, browser: Browser, stage: Stage, *, width: int = 1100, height: int = 720) -> None:
        self.stage = stage
        self.context: BrowserContext = browser.new_context(viewport={"width": width, "height": height})
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, username: str) -> None:
        """Sign in as one of the demonstration's logins."""
        self.page.goto(self.stage.url("serve", "/admin/login/?next=/admin/"))
        self.page.fill("#id_username", username)
        self.page.fill("#id_password", PASSWORD)
        with self.page.expect_navigation(url="**/admin/"):
            self.page.click("#login-form [type=submit]")

    def open(self, path: str) -> Page:
        """Go to a page."""
        self.page.goto(self.stage.url("serve", path))
        return self.page

    def open_map(self) -> Page:
        """Go to the live map and wait until it is live."""
        page = self.open("/admin/live-map/")
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "GPU stall" not in message.text:
            self.complaints.append(message.text)


Visit = Callable[..., Visitor]
