"""Any text is decoded without an error, and what is taken is told again by the event that accepts it."""

import random
from decimal import Decimal
from typing import Any

import numpy as np
import orjson

from config.instruments import build_catalog
from config.json_commands import decode_all, parse_json
from config.json_events import encode
from ringbuf.codes import (
    CMD_GROUP,
    GROUP_MAX,
    NO_ID,
    ORDER_PAIRED,
    EventType,
    Op,
    OrderType,
    Reason,
    Stp,
    SymbolState,
    Tif,
)
from ringbuf.records import COMMAND, EVENT, EVENT_ORDER
from tests.config.cases import tables

CATALOG = build_catalog(tables())
ROUNDS = 20_000

WORDS = ["buy", "sell", "group"]
WORDS += [word.name.lower() for enum in (Op, OrderType, Tif, Stp, SymbolState) for word in enum]
NUMBERS = ["1", "0.5", "50000.00", "49999.99", "0.0001", "0", "-1", "0.00001", "1e3", "1e-9", "9" * 25, "NaN", "1_0"]
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 7, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, 1.5, float("1e308"), [], {}, [1], {"a": 1},
    "BTC-USDT", "BTC", "USDT", "X", "\x00", "é", "A" * 200,
]  # fmt: skip
KEYS = [
    "op", "account", "client_id", "symbol", "side", "type", "tif", "stp", "price", "qty", "stop_price", "trail",
    "display_qty", "min_qty", "expire_ts_ns", "quote_budget", "post_only", "oco_client_id", "orig_client_id",
    "order_id", "asset", "amount", "ts_ns", "trade_seq", "state", "reference_price", "band_ppm", "commands", "name",
    "decimals", "base", "quote", "tick_size", "lot_size", "price_min", "price_max", "maker_fee_ppm", "taker_fee_ppm",
    "qty_min", "qty_max", "min_notional", "market_collar_ppm", "max_open_orders",
]  # fmt: skip


def sensible_place(draw: random.Random) -> dict[str, Any]:
    """A place whose words exist; often taken."""
    fields: dict[str, Any] = {
        "op": "place", "account": 7, "client_id": draw.randrange(100), "symbol": "BTC-USDT",
        "side": draw.choice(["buy", "sell"]), "type": draw.choice([t.name.lower() for t in OrderType]),
        "tif": draw.choice(["gtc", "gtc", "gtd", "ioc", "fok"]), "qty": draw.choice(["0.5", "1", "0.0010"]),
    }  # fmt: skip
    needs = {
        "price": fields["type"].endswith("limit"),
        "stop_price": "stop" in fields["type"] or "profit" in fields["type"],
        "trail": "trailing" in fields["type"],
        "expire_ts_ns": fields["tif"] == "gtd",
    }
    for key, needed in needs.items():
        if needed != (draw.random() < 0.05):
            fields[key] = draw.randrange(1, 9) if key == "expire_ts_ns" else draw.choice(["1", "50000.00", "0.05"])
    for key in ("display_qty", "min_qty"):
        if draw.random() < 0.2:
            fields[key] = draw.choice(["0.0001", "0.001", "0.5"])
    if draw.random() < 0.2:
        fields["oco_client_id"] = draw.randrange(5)
    if draw.random() < 0.1:
        fields["post_only"] = True
    return fields


def anything(draw: random.Random, depth: int = 0) -> Any:
    """A command spoilt in a few places, or no command at all."""
    kind = draw.random()
    if kind < 0.05:
        return draw.choice(ODD)
    fields = sensible_place(draw)
    if kind < 0.2 and depth == 0:
        members = [anything(draw, 1) for _ in range(draw.choice([0, 1, 2, 3, 16, 17]))]
        return {"op": "group", "account": draw.choice([7, 7, 7, 8, None]), "commands": members}
    if kind < 0.6:
        fields["op"] = draw.choice(WORDS)
    for _ in range(draw.randrange(4)):
        fields[draw.choice(KEYS)] = draw.choice(draw.choice([WORDS, NUMBERS, ODD]))
    return fields


def accepted(command: np.void) -> np.ndarray:
    """The event that would accept a place."""
    event = np.zeros(1, EVENT)
    order = event.view(EVENT_ORDER)
    order["type"], order["seq"], order["order_id"], order["request_id"] = EventType.ACCEPTED, 5, 5, NO_ID
    for name in ("symbol", "account", "client_id", "side", "order_type", "qty_lots", "stop_price_ticks", "display_lots",
                 "expire_ts_ns"):  # fmt: skip
        order[name] = command[name]
    trails = command["order_type"] == OrderType.TRAILING_STOP
    order["trail_ticks" if trails else "price_ticks"] = command["price_ticks"]
    if command["orig_client_id"] != NO_ID:
        order["order_flags"], order["request_id"] = ORDER_PAIRED, command["orig_client_id"]
    return event


def test_any_value_is_decoded_to_whole_commands_and_what_is_wrong_is_said() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    draw = random.Random(seed)
    for at in range(ROUNDS):
        value = anything(draw)
        where = f"seed {seed}, round {at}: {value}"
        records, wrong = decode_all(value, CATALOG)
        assert records.dtype == COMMAND and 1 <= len(records) <= GROUP_MAX, where
        malformed = (records["refuse"] == Reason.MALFORMED).any()
        assert bool(malformed) == (wrong is not None), where
        assert ((records["op"] != Op.MALFORMED) | (records["refuse"] == Reason.MALFORMED)).all(), where
        grouped = len(records) > 1
        is_place = records["op"] == Op.PLACE
        goes_on = (records["flags"] & CMD_GROUP != 0)[is_place]
        assert goes_on.tolist() == [grouped] * (len(goes_on) - 1) + [False] * bool(len(goes_on)), where
        assert records["session"].sum() == 0 and records["crc"].sum() == 0, where


def test_a_text_and_its_parsed_value_are_the_same_command() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    draw = random.Random(seed)
    for at in range(ROUNDS // 4):
        try:
            text = orjson.dumps(anything(draw))
        except TypeError:
            continue  # an integer that no JSON writer here takes
        from_text, from_value = decode_all(text, CATALOG), decode_all(parse_json(text), CATALOG)
        where = f"seed {seed}, round {at}: {text!r}"
        assert from_text[0].tobytes() == from_value[0].tobytes() and from_text[1] == from_value[1], where


def test_any_bytes_are_decoded() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    draw = random.Random(seed)
    for _ in range(ROUNDS // 4):
        text = bytearray(orjson.dumps(sensible_place(draw)))
        for _ in range(draw.randrange(1, 4)):
            text[draw.randrange(len(text))] = draw.randrange(256)
        records, _ = decode_all(bytes(text), CATALOG)
        assert len(records) == 1, f"seed {seed}: {bytes(text)!r}"


def test_what_an_accepted_event_tells_is_what_was_asked() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    draw = random.Random(seed)
    taken: set[tuple[str, str]] = set()
    for at in range(ROUNDS):
        asked = sensible_place(draw)
        where = f"seed {seed}, round {at}: {asked}"
        records, wrong = decode_all(asked, CATALOG)
        if wrong is not None or records["refuse"][0]:
            continue
        told = encode(accepted(records[0])[0], CATALOG)
        for key in ("price", "qty", "stop_price", "trail", "display_qty"):
            assert (key in told) == (key in asked), where
            assert key not in told or Decimal(told[key]) == Decimal(asked[key]), where
        for key in ("side", "symbol", "account", "client_id", "expire_ts_ns", "oco_client_id"):
            assert told.get(key) == asked.get(key), where
        assert told["order_type"] == asked["type"] and "request_id" not in told, where
        taken.add((asked["type"], asked["tif"]))
    assert len(taken) == 4 + 3 + 2 + 3 + 2 + 3 + 2, f"seed {seed}: {sorted(taken)}"
