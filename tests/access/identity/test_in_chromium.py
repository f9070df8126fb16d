"""Signing in as people do it: in a browser, with its own idea of forms, redirects, cookies and our policy."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

from tests.access.identity.conftest import RunningProvider
from tests.access.identity.test_sign_in import linked
from tests.access.test_second_factor import code_of
from tests.browser.conftest import FLAGS, chromium

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
PATIENCE_MS = 60_000


def test_by_the_provider_then_a_second_factor_and_out(
    live_server: Any, provider: RunningProvider, settings: Any
) -> None:
    if not chromium():
        pytest.skip("there is no Chromium; ./dev test brings one where apt works")
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, require_mfa=True)
    linked("alice", "sub-1", provider.issuer, is_staff=True)
    complaints: list[str] = []
    # Begun and ended within the test: while Playwright's loop runs, this thread may not use the database.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_context(viewport={"width": 1100, "height": 800}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("console", lambda said: complaints.append(said.text) if _is_ours(said, live_server.url) else None)
        _walk(page, live_server.url)
        browser.close()
    assert complaints == []


def _is_ours(said: ConsoleMessage, home: str) -> bool:
    """Say whether one of our pages complains; the provider's asks for a font from elsewhere."""
    return said.type == "error" and str(said.location.get("url", "")).startswith(home)


def _walk(page: Page, home: str) -> None:
    page.goto(f"{home}/admin/")
    page.get_by_role("link", name="Sign in with Harbour ID").click()
    page.locator('input[name="login"]').fill("sub-1")
    page.locator('input[name="password"]').fill("x")
    page.locator('button[type="submit"]').click()

    expect(page.get_by_text("You need a second factor to go on.")).to_be_visible()
    code = page.get_by_alt_text("The secret as a QR code")
    expect(code).to_have_js_property("complete", value=True)
    assert code.evaluate("image => image.naturalWidth") > 0
    page.locator('input[name="code"]').fill(code_of(page.locator("#totp-secret").inner_text()))
    page.get_by_role("button", name="Set it up").click()

    expect(page.locator("#recovery-codes")).to_have_text(re.compile(r"(\d{8}\s*){10}"))
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(f"{home}/admin/")
    # By the locator, which waits: the address is there before the page is.
    page.locator('form[action$="/logout/"]').first.evaluate("form => form.submit()")
    expect(page.get_by_role("link", name="Sign out at Harbour ID too")).to_be_visible()
