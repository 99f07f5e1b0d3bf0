"""query, trace, report, reconcile and replay as a user types them: on a running pipeline, and after it has stopped."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.pipeline import Pipeline, pipeline

LIST_SOL = {"op": "list_asset", "name": "SOL", "decimals": 9}
LIST_SOL_USDT = {
    "op": "list_instrument",
    "symbol": "SOL-USDT",
    "base": "SOL",
    "quote": "USDT",
    "tick_size": "0.01",
    "lot_size": "0.1",
    "price_min": "0.01",
    "price_max": "2000",
    "maker_fee_ppm": 100,
    "taker_fee_ppm": 200,
}


def deposit(account: int, client_id: int, asset: str, amount: str) -> dict[str, Any]:
    return {"op": "deposit", "account": account, "client_id": client_id, "asset": asset, "amount": amount}


def place(account: int, client_id: int, symbol: str, side: str, price: str, qty: str) -> dict[str, Any]:
    names = {"op": "place", "account": account, "client_id": client_id, "symbol": symbol, "side": side}
    return {**names, "type": "limit", "price": price, "qty": qty}


COMMANDS = [
    LIST_SOL,
    LIST_SOL_USDT,
    deposit(7, 1, "USDT", "100000"),
    deposit(8, 1, "BTC", "10"),
    deposit(8, 2, "SOL", "1000"),
    place(8, 3, "BTC-USDT", "sell", "50000", "0.5"),
    place(7, 2, "BTC-USDT", "buy", "50000", "0.5"),
    place(8, 4, "SOL-USDT", "sell", "100", "5"),
    place(7, 3, "SOL-USDT", "buy", "100", "3"),
]


class History:
    """A pipeline that has run COMMANDS and busted the trade in BTC, whose proceeds the seller had withdrawn."""

    def __init__(self, running: Pipeline) -> None:
        self.running = running
        events = self.send(*COMMANDS)
        self.btc, self.sol = (event for event in events if event["type"] == "trade")
        self.day = datetime.fromtimestamp(self.sol["ts_ns"] // 10**9, UTC).date().isoformat()
        self.send({"op": "withdraw", "account": 8, "client_id": 5, "asset": "USDT", "amount": "25000"})
        self.bust = self.send({"op": "bust", "trade_seq": self.btc["seq"]})
        self.last = self.bust[-1]["seq"]
        running.settled()

    def send(self, *commands: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.running.report("send", *map(json.dumps, commands))["events"]
        return found


@pytest.fixture(scope="module", params=["running", "stopped"])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with pipeline(tmp_path_factory.mktemp("looking")) as made:
        made.up()
        history = History(made)
        if request.param == "stopped":
            assert made.verb("down").returncode == 0
        yield history


def test_a_bust_suspends_who_can_not_give_back_and_cancels_his_orders(history: History) -> None:
    assert [event["type"] for event in history.bust] == ["busted", "suspended", "cancelled"]
    assert history.bust[1]["account"] == 8


def test_balances_have_the_bust_unwound(history: History) -> None:
    seller = history.running.report("query", "balance", "8")
    # 24997.50 of the trade in BTC came and went again, 25000 were withdrawn, 299.97 of the trade in SOL stay.
    assert seller["USDT"] == {"available": "-24700.030000", "frozen": "0.000000"}
    assert seller["BTC"] == {"available": "10.00000000", "frozen": "0.00000000"}
    assert seller["SOL"] == {"available": "997.000000000", "frozen": "0.000000000"}
    fees = history.running.report("query", "balance", "fees")
    assert (fees["USDT"]["available"], fees["BTC"]["available"]) == ("0.030000", "0.00000000")


def test_an_instrument_listed_at_run_time_is_in_every_store(history: History) -> None:
    report = history.running.report
    assert report("query", "depth", "SOL-USDT")["asks"] == []
    assert [trade["seq"] for trade in report("query", "trades", "SOL-USDT")["trades"]] == [history.sol["seq"]]
    assert report("query", "ticker", "SOL-USDT")["volume"] == "3.0"
    assert report("query", "candles", "SOL-USDT", "1d")["candles"][0]["quote_volume"] == "300.000000"
    fill = report("query", "order", str(history.sol["order_id"]))["fills"][0]
    assert (fill["fee"], fill["fee_asset"], fill["busted"]) == ("0.000600000", "SOL", False)


def test_the_day_report_holds_what_stands_and_balances(history: History) -> None:
    report = history.running.report("report", "day", history.day)
    assert report["volumes"] == {"SOL-USDT": {"base": "3.000000000", "quote": "300.000000", "trades": 1}}
    moved = {(line["account"], line["asset"]): line["amount"] for line in report["transfers"]}
    assert moved == {
        (7, "USDT"): "-300.000000",
        (7, "SOL"): "2.999400000",
        (8, "USDT"): "299.970000",
        (8, "SOL"): "-3.000000000",
    }
    assert set(report["trial_balance"].values()) == {"0"}
    assert all((history.running.data / path).exists() for path in report["files"])


def test_a_statement_adds_up(history: History) -> None:
    line = history.running.report("report", "account", "8", "--day", history.day)["assets"]["USDT"]
    assert (line["received"], line["withdrawals"], line["fees"]) == ("300.000000", "25000.000000", "0.030000")
    assert line["closing"] == "-24700.030000"


def test_every_store_agrees(history: History) -> None:
    report = history.running.report("reconcile")
    assert report["ok"] and report["seq"] == history.last


def test_a_trade_is_traced_through_all_nine_steps(history: History) -> None:
    steps = history.running.report("trace", str(history.sol["seq"]))["steps"]
    assert [step["step"] for step in steps] == list(range(1, 10))
    assert {line["account"] for line in steps[2]["ledger"]} == {7, 8, "fees"}
    running = (history.running.data / "run.json").exists()
    # The publisher keeps no record of its own: its cursor in the ring says how far it is, while it runs.
    assert steps[4]["passed"] is (True if running else None)
    assert steps[5]["passed"] is steps[7]["passed"] is True


def test_replay_says_the_state_at_a_sequence(history: History) -> None:
    before = history.running.report("replay", "--to", str(history.bust[0]["seq"] - 1))
    after = history.running.report("replay", "--to", str(history.last))
    assert (before["open_orders"], after["open_orders"]) == (1, 0)
    assert before["state_hash"] != after["state_hash"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("query", "order", "999999"), 1),
        (("query", "depth", "NO-SUCH"), 1),
        (("trace", "999999"), 1),
        (("replay", "--to", "999999"), 1),
        (("trace", "x"), 2),
        (("report", "day", "1.2.2026"), 2),
        (("replay",), 2),
    ],
)
def test_what_is_not_there_is_1_and_wrong_usage_is_2(history: History, arguments: tuple[str, ...], code: int) -> None:
    done = history.running.verb(*arguments, "--json")
    assert done.returncode == code
    assert len(done.stdout.splitlines()) == (1 if code == 1 else 0)
    assert done.stderr.strip()
