"""A connection that loses all life without being closed, or a message. And the page's arithmetic beside Python's."""

import json
import random
import time
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

from tests.browser.conftest import MAKER
from tests.browser.test_trading_page import PATIENCE_MS, shows, sign_in
from tests.pipeline import Pipeline

SEED = 20261128


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


def test_a_lost_change_of_the_book_is_noticed_healed_and_said(running: Pipeline, open_page: Any) -> None:
    """Between page and gateway one message is lost, as no WebSocket would: the page must not trust even that."""
    page = open_page().page
    to_lose: list[str] = []

    def between(socket: Any) -> None:
        server = socket.connect_to_server()

        def told(message: str) -> None:
            if to_lose and f'"{to_lose[-1]}"' in message and "depthUpdate" in message:
                to_lose.clear()
            else:
                socket.send(message)

        server.on_message(told)

    page.route_web_socket(lambda url: url.endswith("/stream"), between)
    page.reload()
    page.wait_for_selector("#link-market[data-state=live]", timeout=PATIENCE_MS)
    shows(page, "#asks", "50,005.00")
    assert page.locator("#gaps").is_hidden()
    to_lose.append("49997.00")
    bid(running, 901, "49997")
    until(page, lambda: not to_lose, "the change was lost")
    bid(running, 902, "49998")
    shows(page, "#gaps", "1 gap healed")
    shows(page, "#log", "A gap in the book's changes")
    for price in ("49,997.00", "49,998.00"):
        shows(page, "#bids", price)
    for number in (901, 902):
        ended = {"op": "cancel", "account": MAKER, "client_id": number + 10, "orig_client_id": number}
        running.report("send", json.dumps(ended))


def bid(running: Pipeline, client_id: int, price: str) -> None:
    """A level that is new and best."""
    terms = {"symbol": "BTC-USDT", "side": "buy", "type": "limit", "qty": "0.05", "price": price}
    running.report("send", json.dumps({"op": "place", "account": MAKER, "client_id": client_id, **terms}))


def until(page: Any, condition: Callable[[], bool], what: str) -> None:
    """What goes between page and gateway only does while the browser is asked something."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        assert time.monotonic() < deadline, what
        page.wait_for_timeout(50)


def _text(rng: random.Random) -> str:
    places = rng.randrange(0, 19)
    digits = str(rng.randrange(0, 10 ** rng.randrange(1, 24))).rjust(places + 1, "0")
    whole, rest = digits[: len(digits) - places], digits[len(digits) - places :]
    return ("-" if rng.random() < 0.2 else "") + whole + (f".{rest}" if rest else "")


def test_decimals_are_exact(open_page: Any) -> None:
    page = open_page().page
    rng = random.Random(SEED)
    pairs = [(_text(rng), _text(rng)) for _ in range(2000)]
    found = page.evaluate(
        """async (pairs) => {
            const decimal = await import("/pages/js/decimal.js");
            return pairs.map(([a, b]) => [decimal.add(a, b), decimal.subtract(a, b), decimal.multiply(a, b),
                String(decimal.compare(a, b)), decimal.trim(a), decimal.cut(a, 2), decimal.divide(a, b, 12)]);
        }""",
        pairs,
    )
    with localcontext(prec=100):
        for (a, b), (plus, minus, times, order, short, cut, quotient) in zip(pairs, found, strict=True):
            x, y = Decimal(a), Decimal(b)
            where = f"seed {SEED}: {a}, {b}"
            assert (Decimal(plus), Decimal(minus), Decimal(times)) == (x + y, x - y, x * y), where
            assert int(order) == (x > y) - (x < y), where
            assert Decimal(short) == x and not ("." in short and short.endswith("0")), where
            assert Decimal(cut) == x.quantize(Decimal(1).scaleb(-min(2, len(a.partition(".")[2]))), ROUND_DOWN), where
            if y:
                assert Decimal(quotient) == (x / y).quantize(Decimal("1e-12"), ROUND_DOWN), where
