"""The console in a real browser, with the demonstration running behind it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import PATIENCE_MS, Stage, Visit, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = '<img src=x onerror="window.pwned=1">'
TUG_INCIDENT = re.compile("enters the Kill Van Kull")
RENAME = """
from apps.access.types import SYSTEM
from apps.assets.models import Identifier
from apps.assets.services import update_asset
from apps.core.clock import now
asset = Identifier.objects.get(value="367370920").asset
update_asset(asset.pk, actor=SYSTEM, at=now(), name={name!r})
"""
# Said with the session of a page.
DESCRIBE = """async (incident) => {
  const { api, csrf } = document.body.dataset;
  const headers = { "X-CSRFToken": csrf, "Content-Type": "application/merge-patch+json", "If-Match": "*" };
  const body = JSON.stringify({ description: "Seen from the pier as well." });
  return (await fetch(new URL(`incidents/${incident}`, new URL(api, location)), { method: "PATCH", headers, body })).status;
}"""


@pytest.fixture(scope="module")
def stage(browser: Browser, home: Path) -> Iterator[Stage]:
    """The demonstration, running: everything on one port, the hour replayed at twenty times its speed."""
    stage = Stage(home)
    try:
        stage.up()
        key = json.loads(stage.manage("load_demo").splitlines()[-1])["key"]
        stage.manage("shell", "-c", RENAME.format(name=HOSTILE))
        for name in ("serve", "clock", "worker"):
            stage.start(name)
        stage.replay(key=key, speed=20)
        yield stage
    finally:
        stage.down()


@pytest.fixture
def visit(browser: Browser, stage: Stage) -> Iterator[Visit]:
    """Bring people in: ``visit("officer")`` signs in and returns the visitor."""
    visitors: list[Visitor] = []

    def come(username: str, **screen: int) -> Visitor:
        visitor = Visitor(browser, stage, **screen)
        visitors.append(visitor)
        visitor.sign_in(username)
        return visitor

    yield come
    for visitor in visitors:
        visitor.context.close()


def _picture(page: Page) -> str:
    """Return what the canvas of the vessels shows now."""
    picture: str = page.evaluate("document.querySelector('.vessels').toDataURL()")
    return picture


def _wait_for_online(page: Page, least: int, most: int = 1000) -> None:
    """Wait until so many vessels are online. Polled from outside: the page's policy lets nobody evaluate text."""
    _wait_for(page, lambda: least <= _number(page, "#count-online") <= most, f"{least} to {most} vessels online")


def _wait_for(page: Page, is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so that no locator can say."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        page.wait_for_timeout(200)


def _number(page: Page, selector: str) -> int:
    return int(page.locator(selector).inner_text())


def test_ships_move_on_a_map_that_is_really_drawn(visit: Visit):
    visitor = visit("admin")
    page = visitor.open_map()
    _wait_for_online(page, 200)
    before = _picture(page)
    _wait_for(page, lambda: _picture(page) != before, "ships that move")
    expect(page.locator("#rate")).to_contain_text("fixes/s")
    # The base map: a picture of land, water and coast does not compress as well as an empty canvas.
    _wait_for(page, lambda: len(page.locator("#map").screenshot()) > 40_000, "the base map")
    assert visitor.complaints == []


def test_an_acknowledgement_in_one_browser_is_seen_in_another(visit: Visit):
    admin, officer = visit("admin"), visit("officer")
    theirs, ours = admin.open_map(), officer.open_map()
    mine = ours.locator(".incident", has_text=TUG_INCIDENT).first
    expect(mine.locator(".acknowledge")).to_be_visible()
    incident = mine.get_attribute("data-id")
    same = f'.incident[data-id="{incident}"]'
    expect(theirs.locator(same)).to_be_visible()
    answers: list[int] = []

    def change_first(route: Route) -> None:
        answers.append(theirs.evaluate(DESCRIBE, incident))
        route.continue_()

    # It changes in the moment of the click, which is no reason to refuse it.
    ours.route("**/transitions", change_first)
    ours.locator(f"{same} .acknowledge").click()
    for page in (ours, theirs):
        expect(page.locator(same)).to_have_attribute("data-state", "acknowledged")
        expect(page.locator(f"{same} .acknowledge")).to_have_count(0)
    assert (answers, admin.complaints, officer.complaints) == ([200], [], [])


def test_a_name_that_came_over_the_feed_is_never_markup(visit: Visit):
    visitor = visit("admin")
    page = visitor.open_map()
    incident = page.locator(".incident", has_text=HOSTILE).first
    expect(incident).to_be_visible()
    incident.locator(".incident-open").click()
    expect(page.locator("#details h2")).to_have_text(HOSTILE)
    page.wait_for_timeout(1500)
    visitor.open("/admin/")
    expect(page.locator(".wf-incident-title", has_text=HOSTILE).first).to_be_visible()
    assert page.evaluate("window.pwned ?? null") is None
    assert visitor.complaints == []


def test_each_login_sees_its_own(visit: Visit):
    partner, officer = visit("partner"), visit("officer")
    page = partner.open_map()
    _wait_for_online(page, 2, 2)
    expect(page.locator("#incident-count")).to_have_text("0")
    expect(page.locator(".legend-zone")).to_have_count(2)
    page = officer.open_map()
    _wait_for_online(page, 50, 99)
    assert sum(_number(page, f"#count-{name}") for name in ("online", "late", "lost")) <= 99
    expect(page.locator(".incident", has_text=HOSTILE)).to_have_count(0)


def test_the_map_comes_back_by_itself(visit: Visit, stage: Stage):
    page = visit("admin").open_map()
    stage.kill("serve")
    expect(page.locator("#connection")).to_have_attribute("data-state", "waiting")
    stage.start("serve")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    _wait_for_online(page, 200)


def test_a_zone_is_drawn_and_saved(visit: Visit):
    visitor = visit("admin")
    page = visitor.open("/admin/zones/zone/add/")
    page.fill("#id_name", "Drawn by hand")
    page.select_option("#id_kind", label="Watch area")
    page.select_option("#id_organisation", label="New York Harbor Watch")
    widget = page.locator('[data-map-widget="area"][data-ready]')
    widget.scroll_into_view_if_needed()
    page.click('[data-tool="rectangle"]')
    box = widget.locator(".wf-map-canvas").bounding_box()
    assert box is not None
    for share in (0.4, 0.6):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * share)
        page.wait_for_timeout(200)
        page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] * share)
        page.wait_for_timeout(400)
    expect(page.locator("#id_area")).to_have_value(re.compile("MultiPolygon"))
    drawn = json.loads(page.locator("#id_area").input_value())
    assert (drawn["type"], [len(rings[0]) for rings in drawn["coordinates"]]) == ("MultiPolygon", [5])
    with page.expect_navigation(url="**/zones/zone/"):
        page.click('[name="_save"]')
    expect(page.locator("#result_list")).to_contain_text("Drawn by hand")
    assert visitor.complaints == []


def test_what_stands_in_the_way_is_told_and_a_click_moves_the_plan(visit: Visit):
    visitor = visit("admin")
    page = visitor.open("/admin/operations/operation/")
    page.click("text=Tow to the Bay Ridge piers")
    page.wait_for_selector("[data-plan][data-ready]")
    answer = page.locator(".wf-plan-answer")
    expect(answer).to_contain_text("Dredging of the Bay Ridge flats")
    before = json.loads(page.locator("#id_volumes").input_value())[0]["starts_at"]
    page.locator(".wf-plan-free button").first.click()
    expect(answer).to_contain_text("Nothing stands in the way.")
    assert json.loads(page.locator("#id_volumes").input_value())[0]["starts_at"] > before
    page.click('[data-tool="circle"]')
    page.locator(".wf-plan").scroll_into_view_if_needed()
    box = page.locator(".wf-plan .wf-map-canvas").bounding_box()
    assert box is not None
    for share in (0.3, 0.4):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * 0.7)
        page.wait_for_timeout(200)
        page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] * 0.7)
        page.wait_for_timeout(400)
    expect(page.locator(".wf-plan-volume")).to_have_count(2)
    expect(page.locator("#id_volumes")).to_have_value(re.compile("Circle"))
    drawn = json.loads(page.locator("#id_volumes").input_value())
    assert [each["shape"]["type"] for each in drawn] == ["Corridor", "Circle"]
    with page.expect_navigation(url="**/operations/operation/"):
        page.click('[name="_save"]')
    assert visitor.complaints == []


def test_a_policy_is_checked_as_one_types_tried_and_run_dry(visit: Visit):
    visitor = visit("admin")
    page = visitor.open("/admin/access/policy/add/")
    page.fill("#id_name", "Large vessels only")
    page.select_option("#id_effect", "require")
    page.check("#id_everybody", force=True)
    page.fill("#id_actions", "assets.view")
    page.fill("#id_condition", "colour = 'red'")
    expect(page.locator(".wf-condition-text mark")).to_have_text("colour")
    page.fill("#id_condition", "")
    page.locator(".wf-offers button", has_text="attributes.").click()
    page.locator("#id_condition").press_sequentially("length_m > 40")
    expect(page.locator('.wf-condition-state[data-state="right"]')).to_be_visible()
    page.click("#dry-run")
    expect(page.locator("#dry-run-sentence")).to_contain_text("would disappear for")
    page.fill("[name=trial_search]", "367370920")
    page.select_option("[name=trial_user]", index=3)
    expect(page.locator("[name=trial_object] option")).to_have_count(1)
    page.click("#trial button")
    expect(page.locator("#trial-answer .wf-answer-line")).to_contain_text("This policy says:")
    expect(page.locator("#trial-answer .wf-reason")).to_have_count(2)
    # The console reports an answer of 422, which the trial and the dry run have not had.
    assert visitor.complaints == []


def test_no_page_breaks_its_own_policy(visit: Visit):
    visitor = visit("admin")
    for path in (
        "/admin/",
        "/admin/incidents/incident/",
        "/admin/access/user/",
        "/admin/queues/",
        "/admin/live-map/?wall",
    ):
        visitor.open(path)
        visitor.page.wait_for_timeout(1500)
    assert visitor.complaints == []
