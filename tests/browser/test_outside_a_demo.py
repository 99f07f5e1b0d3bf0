"""Where it is no demo: nothing for the asking, and the pipeline is shown to an admin's key alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_trading_page import PATIENCE_MS, shows
from tests.consumers.gateway.asking import Client
from tests.pipeline import Pipeline, pipeline


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("plain"), web=True) as made:
        made.up()
        yield made


def test_no_account_is_given_away(running: Pipeline, open_page: Any) -> None:
    page = open_page().page
    page.wait_for_selector("#welcome-sign")
    shows(page, "#welcome-text", "Sign in with an API key")
    assert not page.is_visible("#demo")
    assert Client(running.base + 10).ask("POST", "/demo/account").status == 404


def test_the_pipeline_is_shown_to_an_admin_key_alone(running: Pipeline, open_page: Any) -> None:
    page = open_page("/pipeline").page
    page.wait_for_selector("#sign-in[open]", timeout=PATIENCE_MS)
    assert page.locator(".card").count() == 0
    sign_in_with(page, running, "read,trade")
    shows(page, "#link", "needs a key")
    assert page.locator(".card").count() == 0
    page.reload()
    page.wait_for_selector("#sign-in[open]", timeout=PATIENCE_MS)
    sign_in_with(page, running, "admin")
    shows(page, "#money", "conserved")
    page.wait_for_selector("[data-process=risk][data-state=running]", timeout=PATIENCE_MS)
    assert page.locator("button.kill").count() == 0


def sign_in_with(page: Any, running: Pipeline, scopes: str) -> None:
    made = running.report("key", "create", "--account", "0", "--scopes", scopes)
    page.wait_for_timeout(600)  # the admin process looks for new keys five times a second
    page.fill("#key", made["key"])
    page.fill("#secret", made["secret"])
    page.click("#sign-in-form button.primary")
