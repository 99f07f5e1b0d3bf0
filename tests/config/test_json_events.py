"""Events as JSON: the fields the interface names, absent ones left out."""

import numpy as np
import orjson
import pytest

from config.instruments import build_catalog
from config.json_events import encode, encode_lines
from ringbuf.codes import (
    NO_ACCOUNT,
    NO_ID,
    NO_SYMBOL,
    ORDER_PAIRED,
    EventType,
    OrderType,
    Reason,
    Side,
    SymbolState,
)
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
    event = record(EventType.TRADE, symbol=0, side=Side.SELL, account=1, maker_account=2, fee=2_500_000, maker_fee=2500)
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


def order_event(kind: OrderType, event_type: EventType = EventType.ACCEPTED, **terms: int) -> np.ndarray:
    """An event about an order's terms."""
    event = record(event_type, symbol=0, account=7, client_id=3, order_id=9)
    order = event.view(EVENT_ORDER)
    order["order_type"], order["qty_lots"] = kind, 5000
    for name, value in terms.items():
        order[name] = value
    return event


def test_a_waiting_order_tells_its_own_terms_and_no_others() -> None:
    common = {"seq": 9, "ts_ns": 0, "type": "accepted", "symbol": "BTC-USDT", "account": 7, "client_id": 3,
              "order_id": 9, "side": "buy", "qty": "0.5000"}  # fmt: skip
    trailing = order_event(OrderType.TRAILING_STOP, stop_price_ticks=100, trail_ticks=5)
    assert encode(trailing[0], CATALOG) == common | {
        "order_type": "trailing_stop", "stop_price": "1.00", "trail": "0.05",
    }  # fmt: skip
    profit = order_event(
        OrderType.TAKE_PROFIT_LIMIT, stop_price_ticks=100, price_ticks=90, display_lots=10, expire_ts_ns=77
    )
    assert encode(profit[0], CATALOG) == common | {
        "order_type": "take_profit_limit", "price": "0.90", "stop_price": "1.00", "display_qty": "0.0010",
        "expire_ts_ns": 77,
    }  # fmt: skip
    amended = encode(order_event(OrderType.STOP, EventType.AMENDED, stop_price_ticks=100)[0], CATALOG)
    assert "price" not in amended and "order_type" not in amended and amended["stop_price"] == "1.00"


def test_of_a_paired_order_the_request_is_the_partners_client_id() -> None:
    paired = encode(order_event(OrderType.STOP, order_flags=ORDER_PAIRED, request_id=0)[0], CATALOG)
    assert paired["oco_client_id"] == 0 and "request_id" not in paired
    amended = order_event(OrderType.STOP, EventType.AMENDED, order_flags=ORDER_PAIRED, request_id=4)
    told = encode(amended[0], CATALOG)
    assert told["request_id"] == 4 and "oco_client_id" not in told


def test_a_state_tells_its_word_and_what_is_set() -> None:
    event = record(EventType.STATE, symbol=0, side=SymbolState.AUCTION)
    common = {"seq": 9, "ts_ns": 0, "type": "state", "symbol": "BTC-USDT"}
    assert encode(event[0], CATALOG) == common | {"state": "auction"}
    event["price_ticks"], event["qty_lots"], event["reason"] = 5_000_000, 20_000, Reason.VOLATILITY
    assert encode(event[0], CATALOG) == common | {
        "state": "auction", "reference_price": "50000.00", "band_ppm": 20_000, "reason": "volatility",
    }  # fmt: skip


def test_an_uncross_tells_price_and_quantity() -> None:
    event = record(EventType.UNCROSSED, symbol=0, price_ticks=100, qty_lots=5)
    told = encode(event[0], CATALOG)
    assert (told["type"], told["price"], told["qty"]) == ("uncrossed", "1.00", "0.0005")


def test_every_event_type_has_a_form() -> None:
    for kind in EventType:
        if kind not in (EventType.LISTED_ASSET, EventType.LISTED_INSTRUMENT, EventType.CHANGED_INSTRUMENT):
            assert encode(record(kind, symbol=0)[0], CATALOG)["type"], kind
