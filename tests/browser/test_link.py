"""A connection that loses all life without being closed."""

from typing import Any

from tests.browser.test_trading_page import PATIENCE_MS, shows, sign_in
from tests.pipeline import Pipeline


def test_a_gateway_without_life_is_noticed_though_nothing_was_closed(running: Pipeline, open_page: Any) -> None:
    page = open_page().page
    sign_in(page)
    page.wait_for_selector("#link-market[data-state=live]", timeout=PATIENCE_MS)
    with running.stopped("gateway"):
        page.wait_for_selector("#link-market:not([data-state=live])", timeout=PATIENCE_MS)
        assert page.locator("#book.stale").count() == 1 or "reconnect" in page.inner_text("#log")
    page.wait_for_selector("#link-market[data-state=live]", timeout=PATIENCE_MS)
    shows(page, "#log", "no life")
    shows(page, "#gaps", "reconnected")
