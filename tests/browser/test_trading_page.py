"""The trading page by hand: a first order within a minute, fills, balances, keys, and processes that die meanwhile."""

import os
import signal
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import NARROW, WIDE
from tests.pipeline import Pipeline, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_MS = 60_000
BEST_ASK = 50005


def text(page: "Page", selector: str) -> str:
    return str(page.inner_text(selector)).strip()


def shows(page: "Page", selector: str, expected: str) -> None:
    """Wait until an element has a text in it."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.innerText.includes(text)",
        arg=[selector, expected],
        timeout=PATIENCE_MS,
    )


def sign_in(page: "Page") -> int:
    """As a stranger does it: one click. The account's number."""
    page.click("#demo", timeout=PATIENCE_MS)
    page.wait_for_selector("#ticket:not([hidden])", timeout=PATIENCE_MS)
    page.wait_for_selector("#link-account[data-state=live]", timeout=PATIENCE_MS)
    shows(page, "#sign", "Account")
    shows(page, "#available", "USDT")
    return int(text(page, "#sign").split()[1])


def order(page: "Page", side: str, kind: str, **fields: str) -> None:
    page.click(f"#side-{side}")
    page.select_option("#type", kind)
    for name, value in fields.items():
        page.fill(f"#{name}", value)
    page.click("#submit")


def held(page: "Page", asset: str) -> tuple[Decimal, Decimal]:
    """(free, in orders) as the table of balances shows them."""
    page.click("#tab-balances")
    cells = page.locator(f"#balances tr[data-id={asset}] td").all_inner_texts()
    if not cells:
        return Decimal(0), Decimal(0)
    free, locked = (Decimal(each.replace(",", "").replace("–", "0")) for each in cells[1:])
    return free, locked


def test_an_order_by_hand_fills_and_moves_the_balance(running: Pipeline, open_page: Any) -> None:
    page = open_page().page
    number = sign_in(page)
    eventually(lambda: held(page, "BTC") == (10, 0), "the demo's money")
    order(page, "buy", "LIMIT", price="50100", quantity="0.02")
    shows(page, "#fills-count", "1")
    page.click("#tab-fills")
    assert "50,005.00" in text(page, "#fills tr")
    eventually(lambda: held(page, "BTC") == (Decimal("10.019996"), 0), "0.02 less the taker's fee of 200 ppm")
    assert held(page, "USDT") == (Decimal("98999.9"), 0)
    asked = running.report("query", "balance", str(number))
    assert (asked["BTC"]["available"], asked["USDT"]["available"]) == ("10.01999600", "98999.900000")
    shows(page, "#tape li", "50,005.00")
    shows(page, "#last", "50,005.00")


def test_every_kind_of_order_goes_in_and_out(running: Pipeline, open_page: Any) -> None:
    page = open_page().page
    number = sign_in(page)
    order(page, "buy", "LIMIT", price="40000", quantity="0.1")
    order(page, "buy", "LIMIT_MAKER", price="40001", quantity="0.1")
    order(page, "sell", "STOP_LOSS_LIMIT", stop="45000", price="44000", quantity="0.1")
    order(page, "sell", "STOP_LOSS", stop="45001", quantity="0.1")
    order(page, "sell", "TAKE_PROFIT_LIMIT", stop="60000", price="60000", quantity="0.1")
    order(page, "sell", "TAKE_PROFIT", stop="60001", quantity="0.1")
    order(page, "sell", "TRAILING", trail="5", quantity="0.1")
    order(page, "sell", "OCO", price="61000", stop="44500", stopLimit="44400", quantity="0.1")
    shows(page, "#orders-count", "9")
    kinds = page.locator("#orders td.type").all_inner_texts()
    assert sorted(kinds) == sorted(
        ["limit", "post only", "stop limit", "stop", "take profit limit", "take profit", "stop", "post only",
         "stop limit"]
    )  # fmt: skip
    assert len(running.report("query", "orders", str(number))["orders"]) == 9
    order(page, "buy", "MARKET", quantity="0.01")
    shows(page, "#fills-count", "1")
    page.check("#inQuote")
    page.fill("#quantity", "100")
    page.click("#submit")
    shows(page, "#fills-count", "2")
    page.click("#tab-orders")
    newest = page.get_attribute("#orders tr", "data-id")
    page.click(f"button[aria-label='cancel order {newest}']")
    shows(page, "#orders-count", "7")  # the other one of the pair ends with it
    page.click("#cancel-all")
    shows(page, "#orders-count", "0")
    assert held(page, "BTC")[1] == 0


def test_what_is_refused_is_said_and_nothing_else_happens(open_page: Any) -> None:
    page = open_page().page
    sign_in(page)
    order(page, "buy", "LIMIT", price="40000", quantity="1000")
    shows(page, "#notices", "Refused")
    order(page, "buy", "LIMIT", price="40000", quantity="nothing")
    shows(page, "#notices", "Quantity: expected a number above zero")
    assert page.get_attribute("#quantity", "aria-invalid") == "true"
    order(page, "buy", "LIMIT_MAKER", price="50100", quantity="0.01")
    shows(page, "#log", "Order would immediately match and take.")
    assert (text(page, "#orders-count"), text(page, "#fills-count")) == ("0", "0")


def test_keys_alone_are_enough(open_page: Any) -> None:
    page = open_page().page
    sign_in(page)
    page.keyboard.press("s")
    assert page.get_attribute("#side-sell", "aria-pressed") == "true"
    page.keyboard.press("p")
    page.keyboard.type("70000")
    page.keyboard.press("Escape")
    page.keyboard.press("q")
    page.keyboard.type("0.5")
    page.keyboard.press("ArrowUp")
    assert page.input_value("#quantity") == "0.5001"
    page.keyboard.press("Enter")
    shows(page, "#orders-count", "1")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    shows(page, "#orders-count", "0")
    page.keyboard.press("t")
    assert page.input_value("#type") == "MARKET"
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    page.keyboard.press("Escape")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("d")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_a_level_of_the_ladder_gives_its_price_to_the_ticket(open_page: Any) -> None:
    page = open_page().page
    sign_in(page)
    page.locator("#bids .level").nth(2).click()
    price = str(page.locator("#bids .level").nth(2).locator(".price").inner_text()).replace(",", "")
    assert page.input_value("#price") == price
    page.fill("#quantity", "")
    page.click("#shares button[data-share='0.5']")
    assert Decimal(page.input_value("#quantity")) == (Decimal(50000) / Decimal(price)).quantize(
        Decimal("0.0001"), "ROUND_DOWN"
    )


def test_a_key_that_is_pasted_signs_in_for_this_tab_alone(running: Pipeline, open_page: Any) -> None:
    made = running.report("key", "create", "--account", "7", "--scopes", "read,trade")
    opened = open_page()
    page = opened.page
    page.click("#sign")
    page.fill("#key", made["key"])
    page.fill("#secret", "0" * 64)
    page.click("#sign-in-form button.primary")
    shows(page, "#sign-in-wrong", "Signature for this request is not valid.")
    page.fill("#secret", made["secret"])
    page.click("#sign-in-form button.primary")
    shows(page, "#sign", "Account 7")
    page.wait_for_function("() => Number(document.querySelector('#orders-count').innerText) > 30", timeout=PATIENCE_MS)
    assert page.evaluate("JSON.stringify(localStorage)").find(made["secret"]) == -1
    other = opened.context.new_page()
    other.goto(opened.address)
    other.wait_for_selector("#demo:not([hidden])")
    page.click("#sign")
    page.wait_for_selector("#welcome:not([hidden])")
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize("process", ["publisher", "gateway"])
def test_a_process_that_dies_meanwhile_costs_no_order(running: Pipeline, open_page: Any, process: str) -> None:
    page = open_page().page
    number = sign_in(page)
    order(page, "buy", "LIMIT", price="40000", quantity="0.1")
    shows(page, "#orders-count", "1")
    restarts = running.restarts(process)
    os.kill(running.pid(process), signal.SIGKILL)
    if process == "gateway":
        page.wait_for_selector("#link-market:not([data-state=live])", timeout=PATIENCE_MS)
    eventually(lambda: running.restarts(process) == restarts + 1, f"{process} is back")
    page.wait_for_selector("#link-market[data-state=live]", timeout=PATIENCE_MS)
    page.wait_for_selector("#link-account[data-state=live]", timeout=PATIENCE_MS)
    if process == "gateway":
        shows(page, "#gaps", "reconnected")
        shows(page, "#log", "The market feed is back")
    shows(page, "#orders-count", "1")
    order(page, "buy", "LIMIT", price="40001", quantity="0.1")
    shows(page, "#orders-count", "2")
    order(page, "sell", "MARKET", quantity="0.001")
    shows(page, "#fills-count", "1")
    assert len(running.report("query", "orders", str(number))["orders"]) == 2
    page.wait_for_function("!document.querySelector('#book').classList.contains('stale')", timeout=PATIENCE_MS)


def test_an_order_whose_answer_is_lost_is_asked_for_and_found(running: Pipeline, open_page: Any) -> None:
    page = open_page().page
    number = sign_in(page)
    with running.stopped("engine"):
        order(page, "buy", "LIMIT", price="40000", quantity="0.1")
        eventually(lambda: page.is_disabled("#submit"), "it is on its way")
        restarts = running.restarts("gateway")
        os.kill(running.pid("gateway"), signal.SIGKILL)
        shows(page, "#log", "Not answered")
        eventually(lambda: running.restarts("gateway") == restarts + 1, "the gateway is back")
    shows(page, "#log", "was taken: new")
    shows(page, "#orders-count", "1")
    assert len(running.report("query", "orders", str(number))["orders"]) == 1


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_fits_the_screen(open_page: Any, size: dict[str, int], scheme: str) -> None:
    opened = open_page("/", size, scheme)
    page = opened.page
    sign_in(page)
    order(page, "buy", "LIMIT", price="50300", quantity="0.01")
    page.wait_for_function("() => Number(document.querySelector('#fills-count').innerText) > 0", timeout=PATIENCE_MS)
    page.wait_for_selector("#candles canvas")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for part in ("#candles", "#book", "#ticket", "#panel-orders"):
        box = page.locator(part).bounding_box()
        assert box is not None and box["width"] > 200 and box["height"] > 60, part
        assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"], part
    opened.shot(f"trade-{size['width']}-{scheme}")
    page.click("#tab-depth")
    assert page.locator("#depth canvas").bounding_box()["height"] > 100
    opened.shot(f"depth-{size['width']}-{scheme}")
