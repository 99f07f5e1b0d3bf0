"""The admin API on a running pipeline: who may, what it does, and that an adjustment is booked once whatever dies."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from ops.admin.server import ENDPOINTS
from tests.consumers.gateway.asking import Answer, Client
from tests.ops.admin.asking import Admin, ask
from tests.pipeline import Pipeline, eventually, pipeline

RICH, POOR = 7, 8


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("admin"), web=True) as made:
        made.up()
        deposits = [
            {"op": "deposit", "account": account, "asset": asset, "amount": "100000", "client_id": number}
            for account in (RICH, POOR)
            for number, asset in enumerate(("USDT", "BTC"), 1)
        ]
        made.report("send", *map(json.dumps, deposits))
        yield made


@pytest.fixture(scope="module")
def second(running: Pipeline, admin: Admin) -> Admin:
    made = Admin(running)
    eventually(lambda: made.ask("GET", "/money").status == 200, "the key is known")
    return made


def ok(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return answer.body


def sent(running: Pipeline, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.report("send", *map(json.dumps, commands))["events"]
    return found


def balance(admin: Admin, account: int, asset: str) -> str:
    found: str = ok(admin.ask("GET", f"/accounts/{account}"))["balances"][asset]["available"]
    return found


def test_nobody_without_the_scope_is_let_in_anywhere(running: Pipeline, admin: Admin) -> None:
    trader = Admin(running, "read,trade,withdraw")
    elsewhere = Admin(running, "admin", "--address", "10.9.8.0/24")
    wrong = Client(admin.port, admin.client.key, "0" * 64)
    for each in ENDPOINTS:
        path = each.path.removeprefix("/admin/v1").format(account=7, id=1, symbol="BTC-USDT", process="risk", seq=1,
                                                          order_id=1, key="k")  # fmt: skip
        for client, status in ((trader.client, 401), (elsewhere.client, 401), (wrong, 400), (Client(admin.port), 401)):
            assert ask(client, each.method, path).status == status, (each.method, path)


def test_a_page_of_another_host_is_refused(admin: Admin) -> None:
    foreign = ({"Origin": "http://example.org"}, {"Host": "example.org"}, {"Origin": "null"})
    for headers in foreign:
        assert admin.client.ask("GET", "/openapi.json", headers=headers).status == 403
    own = {"Origin": f"http://127.0.0.1:{admin.port - 1}"}
    assert admin.client.ask("GET", "/openapi.json", headers=own).headers["Access-Control-Allow-Origin"] == own["Origin"]


def test_the_document_names_every_request_that_is_served(admin: Admin) -> None:
    document = admin.client.ask("GET", "/openapi.json").body
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(each.method, each.path) for each in ENDPOINTS}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["security"] == [{"key": []}]
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/adjustments", {"account": "7", "asset": "USDT", "amount": "1", "why": "x"}, "account"),
        ("POST", "/adjustments", {"account": 7, "asset": "USDT", "amount": "1.2345678", "why": "x"}, "amount"),
        ("POST", "/adjustments", {"account": 7, "asset": "USDT", "amount": "0", "why": "x"}, "amount"),
        ("POST", "/adjustments", {"account": 7, "asset": "XRP", "amount": "1", "why": "x"}, "asset"),
        ("POST", "/adjustments", {"account": 7, "asset": "USDT", "amount": "1", "why": " "}, "why"),
        ("POST", "/adjustments", {"account": 7, "asset": "USDT", "amount": "1", "why": "x", "more": 1}, "more"),
        ("POST", "/assets", {"name": "SOL"}, "decimals"),
        ("GET", "/accounts/seven", None, "account"),
        ("POST", "/keys", {"account": 7, "scopes": ["all"]}, "scopes"),
        ("PATCH", "/instruments/BTC-USDT", {"maker_fee_ppm": -1}, "maker_fee_ppm"),
    ],
)
def test_what_is_wrong_is_named(admin: Admin, method: str, path: str, body: dict[str, Any] | None, field: str) -> None:
    answer = admin.ask(method, path, body)
    assert (answer.status, field in answer.body["msg"]) == (400, True), answer


def test_an_adjustment_takes_two_keys_and_is_booked_once(running: Pipeline, admin: Admin, second: Admin) -> None:
    before = balance(admin, RICH, "USDT")
    made = ok(admin.ask("POST", "/adjustments", {"account": RICH, "asset": "USDT", "amount": "12.5", "why": "refund"}))
    assert (made["state"], balance(admin, RICH, "USDT")) == ("proposed", before)
    alone = admin.ask("POST", f"/adjustments/{made['id']}/approve")
    assert (alone.status, "another key" in alone.body["msg"]) == (403, True)
    done = ok(second.ask("POST", f"/adjustments/{made['id']}/approve"))
    assert (done["state"], done["decided_by"]) == ("booked", second.client.key)
    eventually(lambda: balance(admin, RICH, "USDT") == "100012.500000", "booked")
    again = second.ask("POST", f"/adjustments/{made['id']}/approve")
    assert (again.status, "booked already" in again.body["msg"]) == (409, True)
    taken = ok(second.ask("POST", "/adjustments", {"account": RICH, "asset": "USDT", "amount": "-12.5", "why": "undo"}))
    assert ok(admin.ask("POST", f"/adjustments/{taken['id']}/approve"))["state"] == "booked"
    much = ok(second.ask("POST", "/adjustments", {"account": RICH, "asset": "USDT", "amount": "-1000000", "why": "x"}))
    refused = ok(admin.ask("POST", f"/adjustments/{much['id']}/approve"))
    assert (refused["state"], refused["reason"]) == ("refused", "insufficient_funds")
    fallen = ok(second.ask("POST", "/adjustments", {"account": RICH, "asset": "USDT", "amount": "1", "why": "x"}))
    assert ok(second.ask("POST", f"/adjustments/{fallen['id']}/reject"))["state"] == "rejected"
    assert admin.ask("POST", f"/adjustments/{fallen['id']}/approve").status == 409
    listed = ok(admin.ask("GET", "/adjustments"))["adjustments"]
    assert [each["state"] for each in listed[:4]] == ["rejected", "refused", "booked", "booked"]
    eventually(lambda: balance(admin, RICH, "USDT") == before, "as before")


def test_an_adjustment_under_way_when_the_process_dies_is_booked_once(
    running: Pipeline, admin: Admin, second: Admin
) -> None:
    before = running.settled()["published"]
    made = ok(admin.ask("POST", "/adjustments", {"account": POOR, "asset": "BTC", "amount": "0.25", "why": "crash"}))
    with running.stopped("engine"):
        assert second.ask("POST", f"/adjustments/{made['id']}/approve").status == 504
        restarts = running.restarts("admin")
        os.kill(running.pid("admin"), signal.SIGKILL)
        eventually(lambda: running.restarts("admin") == restarts + 1, "admin is back")

    def state() -> str:
        found = ok(admin.ask("GET", "/adjustments"))["adjustments"]
        return str(next(each["state"] for each in found if each["id"] == made["id"]))

    eventually(lambda: state() == "booked", "booked")
    running.settled()
    assert balance(admin, POOR, "BTC") == "100000.25000000"
    lines = ok(admin.ask("GET", f"/accounts/{POOR}"))["ledger"]
    assert sum(line["seq"] > before and line["type"] == "deposited" for line in lines) == 1


def test_halts_listings_suspensions_and_busts_do_what_the_commands_do(running: Pipeline, admin: Admin) -> None:
    assert ok(admin.ask("POST", "/halt", {"symbol": "BTC-USDT"}))["events"][-1]["type"] == "halted"
    sell = {"op": "place", "account": RICH, "symbol": "BTC-USDT", "side": "sell", "type": "limit", "price": "50000",
            "qty": "1"}  # fmt: skip
    assert sent(running, sell | {"client_id": 1001})[0]["reason"] == "symbol_halted"
    assert ok(admin.ask("POST", "/resume", {"symbol": "BTC-USDT"}))["events"][-1]["type"] == "resumed"
    assert sent(running, sell | {"client_id": 1002})[0]["type"] == "accepted"
    events = sent(running, sell | {"account": POOR, "side": "buy", "client_id": 1003, "qty": "0.4"})
    trade = next(event for event in events if event["type"] == "trade")
    busted = ok(admin.ask("POST", "/busts", {"trade_seq": trade["seq"]}))["events"]
    assert busted[0]["type"] == "busted"
    assert admin.ask("POST", "/busts", {"trade_seq": trade["seq"]}).body["msg"] == "refused: unknown_order"
    assert admin.ask("POST", "/busts", {"trade_seq": 1 << 40}).status == 404
    running.settled()
    [order] = ok(admin.ask("GET", f"/accounts/{RICH}"))["open_orders"]
    assert (order["leaves"], order["status"]) == ("0.6000", "partly_filled")
    ended = ok(admin.ask("DELETE", f"/accounts/{RICH}/orders", symbol="BTC-USDT"))["events"]
    assert (ended[0]["type"], ended[-1]["type"]) == ("cancelled", "mass_cancelled")
    assert ok(admin.ask("POST", f"/accounts/{POOR}/suspend"))["events"][0]["type"] == "suspended"
    assert ok(admin.ask("POST", f"/accounts/{POOR}/unsuspend"))["events"][0]["type"] == "unsuspended"
    assert ok(admin.ask("POST", "/assets", {"name": "SOL", "decimals": 9}))["events"][0]["type"] == "listed"
    terms = {"symbol": "SOL-USDT", "base": "SOL", "quote": "USDT", "tick_size": "0.01", "lot_size": "0.01",
             "price_min": "0.01", "price_max": "10000", "maker_fee_ppm": 100, "taker_fee_ppm": 200}  # fmt: skip
    assert ok(admin.ask("POST", "/instruments", terms))["events"][0]["symbol"] == "SOL-USDT"
    changed = ok(admin.ask("PATCH", "/instruments/SOL-USDT", {"qty_max": "50", "taker_fee_ppm": 300}))["events"][0]
    assert (changed["type"], changed["qty_max"], changed["taker_fee_ppm"]) == ("changed", "50.00", 300)
    state = ok(admin.ask("POST", "/instruments/SOL-USDT/state", {"state": "cancel_only"}))["events"][0]
    assert state["state"] == "cancel_only"
    assert ok(admin.ask("DELETE", "/instruments/SOL-USDT"))["events"][-1]["type"] == "delisted"
    listed = {each["symbol"]: each["listed"] for each in ok(admin.ask("GET", "/listings"))["instruments"]}
    assert listed == {"BTC-USDT": True, "ETH-USDT": True, "SOL-USDT": False}
    assert running.report("reconcile")["ok"]


def test_keys_are_made_shown_once_and_ended(running: Pipeline, admin: Admin) -> None:
    made = ok(admin.ask("POST", "/keys", {"account": RICH, "scopes": ["read"], "name": "desk 3"}))
    client = Client(running.base + 10, made["key"], made["secret"])
    eventually(lambda: client.signed("GET", "/api/v3/account").status == 200, "the gateway knows it")
    listed = ok(admin.ask("GET", "/keys"))["keys"]
    assert made["secret"] not in json.dumps(listed) and made["key"] in json.dumps(listed)
    assert ok(admin.ask("DELETE", f"/keys/{made['key']}"))["revoked"]
    eventually(lambda: client.signed("GET", "/api/v3/account").status == 401, "the gateway refuses it")
    assert admin.ask("DELETE", f"/keys/{made['key']}").status == 404


def test_it_tells_what_the_pipeline_does(running: Pipeline, admin: Admin) -> None:
    settled = running.settled()

    def newest() -> Any:  # it is drawn once a second at most, whoever asks
        drawn = ok(admin.ask("GET", "/pipeline"))
        return drawn if drawn["published"] == settled["published"] else None

    picture = eventually(newest, "a picture of now")
    rows = {each["name"]: each for each in picture["processes"]}
    assert set(rows) == set(settled["processes"])
    assert picture["state"] == "running"
    assert rows["balances"]["cursor"]["lag"] == 0 and rows["balances"]["latency"]["p50"] > 0
    money = ok(admin.ask("GET", "/money"))
    assert money["conserved"] and money["seq"] == settled["published"]
    assert set(money["assets"]) >= {"USDT", "BTC"}
    trade = next(each for each in picture["trades"])
    traced = ok(admin.ask("GET", f"/trace/{trade['seq']}"))
    assert [step["step"] for step in traced["steps"]] == list(range(1, 10))
    assert traced["steps"] == running.report("trace", str(trade["seq"]))["steps"]
    assert ok(admin.ask("GET", f"/trace/order/{trade['order_id']}"))["order_id"] == trade["order_id"]
    assert admin.ask("GET", "/trace/99999999").status == 404
    assert ok(admin.ask("GET", "/alerts"))["alerts"] == running.report("query", "alerts", "--last", "50")["alerts"]


def test_nothing_is_killed_outside_a_demo(running: Pipeline, admin: Admin) -> None:
    pid = running.pid("risk")
    assert admin.ask("POST", "/processes/risk/kill").status == 403
    assert running.pid("risk") == pid
