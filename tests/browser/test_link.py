"""A connection that loses all life without being closed. And the page's arithmetic beside Python's."""

import random
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

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
