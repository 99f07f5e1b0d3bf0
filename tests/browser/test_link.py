"""Connections that lose something: a message of the book, and all life. And the page's arithmetic beside Python's."""

import json
import random
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.browser.conftest import MAKER
from tests.browser.test_trading_page import PATIENCE_MS, shows, sign_in
from tests.pipeline import Pipeline, eventually

SEED = 20261128


def test_a_gap_in_the_book_is_seen_and_healed(running: Pipeline, open_page: Any) -> None:
    opened = open_page()
    lost: list[str] = []

    def lose_one(socket: Any) -> None:
        server = socket.connect_to_server()

        def pass_on(message: Any) -> None:
            if not lost and "depthUpdate" in str(message):
                lost.append(str(message))
            else:
                socket.send(message)

        server.on_message(pass_on)

    opened.page.route_web_socket("**/stream", lose_one)
    opened.page.reload()
    page = opened.page
    page.wait_for_function("document.querySelectorAll('#bids .level:not(.empty)').length > 5", timeout=PATIENCE_MS)
    for number, price in ((900, "49001"), (901, "49002")):  # the first of them is lost, the second shows it
        place = {"op": "place", "account": MAKER, "client_id": number, "symbol": "BTC-USDT", "side": "buy",
                 "type": "limit", "price": price, "qty": "0.01"}  # fmt: skip
        running.report("send", json.dumps(place))
        page.wait_for_timeout(300)  # two messages of the stream, not one
    shows(page, "#gaps", "1 gap healed")
    assert len(lost) == 1
    bids: dict[str, str] = dict(running.report("query", "depth", "BTC-USDT")["bids"])

    def shown() -> dict[str, str]:
        rows = page.locator("#bids .level:not(.empty)").all()
        prices = [row.locator(".price").inner_text().replace(",", "") for row in rows]
        return {price: row.locator(".quantity").inner_text() for price, row in zip(prices, rows, strict=True)}

    best = sorted(bids, key=Decimal, reverse=True)[:12]
    eventually(lambda: shown() == {price: bids[price] for price in best}, "the ladder is the book again")


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
    from decimal import getcontext

    getcontext().prec = 100
    for (a, b), (plus, minus, times, order, short, cut, quotient) in zip(pairs, found, strict=True):
        x, y = Decimal(a), Decimal(b)
        where = f"seed {SEED}: {a}, {b}"
        assert (Decimal(plus), Decimal(minus), Decimal(times)) == (x + y, x - y, x * y), where
        assert int(order) == (x > y) - (x < y), where
        assert Decimal(short) == x and not ("." in short and short.endswith("0")), where
        assert Decimal(cut) == x.quantize(Decimal(1).scaleb(-min(2, len(a.partition(".")[2]))), ROUND_DOWN), where
        if y:
            assert Decimal(quotient) == (x / y).quantize(Decimal("1e-12"), ROUND_DOWN), where
