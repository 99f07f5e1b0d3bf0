"""The pipeline page: what it shows is what `status` says; a killed consumer catches up; a trade is followed."""

from typing import Any

import pytest

from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_trading_page import PATIENCE_MS, shows, text
from tests.pipeline import Pipeline


def test_it_shows_every_process_money_and_trades(running: Pipeline, open_page: Any) -> None:
    page = open_page("/pipeline").page
    shows(page, "#money", "conserved")
    status = running.settled()
    for name in status["processes"]:
        page.wait_for_selector(f"[data-process={name}][data-state=running]", timeout=PATIENCE_MS)
    shows(page, "[data-process=balances] dd.seq", f"{status['published']:,}")
    shows(page, "[data-process=balances] dd.lag", "caught up")
    shows(page, "[data-process=balances] dd.latency", "s ·")
    shows(page, "#receipts", "8 of 8 caught up")
    shows(page, "#assets", "BTC")


def test_a_consumer_that_is_killed_there_comes_back_and_catches_up(running: Pipeline, open_page: Any) -> None:
    page = open_page("/pipeline").page
    page.wait_for_selector("[data-process=settlement]", timeout=PATIENCE_MS)
    before = int(text(page, "[data-process=settlement] dd.restarts"))
    pid = running.pid("settlement")
    page.click("button[aria-label='kill settlement']")
    shows(page, "#notices", f"settlement (process {pid}) was killed")
    shows(page, "[data-process=settlement] dd.restarts", str(before + 1))
    page.wait_for_selector("[data-process=settlement][data-state=running]", timeout=PATIENCE_MS)
    shows(page, "[data-process=settlement] dd.lag", "caught up")
    assert running.pid("settlement") != pid
    assert page.query_selector("button[aria-label='kill admin']") is None
    assert running.report("reconcile")["ok"]


def test_a_click_on_a_trade_follows_it_through_all_nine_steps(running: Pipeline, open_page: Any) -> None:
    page = open_page("/pipeline").page
    page.click("#trades tr[data-seq]", timeout=PATIENCE_MS)
    page.wait_for_selector("#trace[open]")
    shows(page, "#trace", "clearing and settlement")
    assert page.locator("#trace .step-of").count() == 9
    page.keyboard.press("Escape")
    assert not page.is_visible("#trace")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_fits_the_screen(open_page: Any, size: dict[str, int]) -> None:
    opened = open_page("/pipeline", size)
    opened.page.wait_for_selector("[data-process=risk]", timeout=PATIENCE_MS)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    opened.shot(f"pipeline-{size['width']}")


def test_the_admin_page_sends_what_is_typed(running: Pipeline, open_page: Any) -> None:
    page = open_page("/pipeline").page
    made = running.report("key", "create", "--account", "0", "--scopes", "admin")
    page.goto(f"http://127.0.0.1:{running.base + 11}/")
    page.fill("#key", made["key"])
    page.fill("#secret", made["secret"])
    page.click("#use-key")
    page.click("[id='post_adjustments'] summary")
    form = page.locator("[id='post_adjustments'] form")
    for name, value in (("account", "7"), ("asset", "BTC"), ("amount", "0.5"), ("why", "found")):
        form.locator(f"input[name={name}]").fill(value)
    form.locator("button").click()
    shows(page, "[id='post_adjustments'] pre", '"state": "proposed"')
    page.click("[id='get_accounts_{account}'] summary")
    page.locator("[id='get_accounts_{account}'] input[name=account]").fill("7")
    page.click("[id='get_accounts_{account}'] button")
    shows(page, "[id='get_accounts_{account}'] pre", '"open_orders"')
