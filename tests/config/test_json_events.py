"""Events as JSON: the fields the interface names, absent ones left out."""

import numpy as np
import orjson
import pytest

from config.instruments import build_catalog
from config.json_events import encode, encode_lines
from ringbuf.codes import NO_ACCOUNT, NO_ID, NO_SYMBOL, EventType, OrderType, Reason, Side
from ringbuf.records import EVENT, EVENT_ORDER
from tests.config.cases import tables

CATALOG = build_catalog(tables())


def record(kind: EventType, **fields: int) -> np.ndarray:
    """One EVENT record with everything else absent."""
    event = np.zeros(1, EVENT)
    event["seq"], event["type"] = 9, kind
    event["symbol"], event["account"], event["client_id"], event["request_id"] = NO_SYMBOL, NO_ACCOUNT, NO_ID, NO_ID
    for name, value in fields.items():
        event[name] = value
    return event


@pytest.mark.parametrize(("kind", "priced"), [(OrderType.LIMIT, True), (OrderType.MARKET, False)])
def test_the_price_is_absent_on_market_orders(kind: OrderType, priced: bool) -> None:
    event = record(EventType.ACCEPTED, symbol=0, account=7, client_id=0, order_id=9)
    order = event.view(EVENT_ORDER)
    order["order_type"], order["price_ticks"], order["qty_lots"] = kind, 5_000_000, 5000
    found = encode(event[0], CATALOG)
    assert found.get("price") == ("50000.00" if priced else None)
    assert (found["client_id"], found["qty"], found["order_type"]) == (0, "0.5000", kind.name.lower())


def test_each_partys_fee_is_in_the_asset_it_receives() -> None:
    event = record(EventType.TRADE, symbol=0, side=Side.SELL, fee=2_500_000, maker_fee=2500)
    found = encode(event[0], CATALOG)
    assert (found["fee"], found["maker_fee"]) == ("2.500000", "0.00002500")


def test_a_bust_names_its_trade_and_no_request() -> None:
    found = encode(record(EventType.BUSTED, symbol=0, account=7, request_id=4)[0], CATALOG)
    assert found["trade_seq"] == 4
    assert "request_id" not in found


def test_absent_fields_are_left_out_line_by_line() -> None:
    rejected = record(EventType.REJECTED, reason=Reason.MALFORMED)
    deposited = record(EventType.DEPOSITED, symbol=0, account=7, client_id=1, qty_lots=5_000_000)
    lines = [orjson.loads(line) for line in encode_lines(np.concatenate([rejected, deposited]), CATALOG).splitlines()]
    assert lines[0] == {"seq": 9, "ts_ns": 0, "type": "rejected", "reason": "malformed"}
    assert lines[1] == {
        "seq": 9, "ts_ns": 0, "type": "deposited", "account": 7, "client_id": 1, "asset": "USDT", "amount": "5.000000",
    }  # fmt: skip
