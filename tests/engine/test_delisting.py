"""A delisted symbol's orders end one step each, oldest first, and nothing that names its number is let in again."""

import random
from typing import Any

import numpy as np
import pytest

from config.instruments import build_catalog
from engine.core import Engine
from engine.entry.vetting import malformed_command
from engine.state import Limits
from ringbuf.codes import (
    FLAG_LAST,
    HAS_EXPIRE,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    NO_SYMBOL,
    STEP_SESSION,
    EventType,
    Op,
    OrderType,
    Reason,
    Tif,
)
from ringbuf.records import COMMAND, COMMAND_LIST_INSTRUMENT
from tests.engine.fast import check_frozen
from tests.reference.case import INSTRUMENTS

SEED = 17
HERE, ELSEWHERE = 0, 1
LIMITS = Limits(
    max_orders=1 << 12, max_levels=1 << 12, max_nodes=1 << 12, max_accounts=16, max_balances=64, max_events=256,
    max_account_orders=1 << 12,
)  # fmt: skip
LAST_ID = 10**6
PLACE = {
    "op": Op.PLACE, "account": 1, "client_id": LAST_ID, "mask": HAS_QTY | HAS_PRICE, "price_ticks": 20, "qty_lots": 5,
}  # fmt: skip


class Story:
    """An engine and all its events."""

    def __init__(self) -> None:
        listed = INSTRUMENTS["instrument"][0]
        tables = INSTRUMENTS | {"instrument": [listed, listed | {"symbol": "ETH-USD.2"}]}
        self.engine = Engine(LIMITS)
        self.parts = [self.engine.run(build_catalog(tables).seed_commands())]
        for account in range(1, 5):
            self.run(op=Op.DEPOSIT, account=account, client_id=1, symbol=0, qty_lots=10**9)

    def run(self, **fields: Any) -> np.ndarray:
        command = malformed_command()
        for name, value in fields.items():
            command[name] = value
        self.parts.append(self.engine.run(command))
        return self.parts[-1]

    def place_many(self, count: int) -> list[int]:
        """Limits, stops and orders with an end, of four accounts, every tenth of the other symbol; then a third of
        those here are amended to the back. The ids of those here, oldest first."""
        draw = random.Random(SEED)
        ages = {}
        for number in range(count):
            fields = PLACE | {"account": draw.randrange(1, 5), "client_id": number + 2, "symbol": number % 10 == 9}
            if number % 4 == 1:
                fields |= {"order_type": OrderType.STOP, "mask": HAS_QTY | HAS_STOP_PRICE, "price_ticks": 0}
                fields["stop_price_ticks"] = draw.randrange(500, 900)
            else:
                fields["price_ticks"] = draw.randrange(20, 400)
            if number % 3 == 2:
                fields |= {"tif": Tif.GTD, "mask": fields["mask"] | HAS_EXPIRE, "expire_ts_ns": draw.randrange(1, 99)}
            (event,) = self.run(**fields)
            assert event["type"] == EventType.ACCEPTED
            if event["symbol"] == HERE:
                ages[int(event["order_id"])] = (int(event["seq"]), int(event["account"]))
        for number, order_id in enumerate(draw.sample(sorted(ages), len(ages) // 3)):
            _, account = ages[order_id]
            fields = {"op": Op.AMEND, "client_id": count + 2 + number, "mask": HAS_QTY, "qty_lots": 6}
            (event,) = self.run(order_id=order_id, account=account, **fields)
            assert event["type"] == EventType.AMENDED
            ages[order_id] = (int(event["seq"]), account)
        return sorted(ages, key=ages.__getitem__)

    def open_in(self, symbol: int) -> int:
        return len(self.engine.orders(symbol)) + len(self.engine.waiting(symbol))


def test_orders_of_all_accounts_end_by_age_and_another_symbol_keeps_its_own() -> None:
    story = Story()
    oldest_first = story.place_many(2_000)
    assert story.open_in(HERE) == len(oldest_first) == 1_800
    events = story.run(op=Op.DELIST_INSTRUMENT, symbol=HERE)
    assert events["type"][0] == EventType.DELISTED_INSTRUMENT
    ended = events[1:]
    assert (ended["type"] == EventType.CANCELLED).all() and (ended["reason"] == Reason.DELISTED).all()
    assert ended["order_id"].tolist() == oldest_first, f"seed {SEED}"
    assert (ended["flags"] == FLAG_LAST).all() and (ended["session"] == STEP_SESSION).all()
    assert (story.open_in(HERE), story.open_in(ELSEWHERE)) == (0, 200)
    check_frozen(story.engine)
    expired = story.run(op=Op.TIME, ts_ns=99)
    assert (expired["symbol"][:-1] == ELSEWHERE).all() and (expired["reason"][:-1] == Reason.EXPIRED).all()
    assert len(expired) > 1 and story.engine.header()["expiring_count"] == 0


def test_whoever_folds_the_history_up_to_anywhere_within_takes_the_same_steps() -> None:
    story = Story()
    story.place_many(300)
    history = np.concatenate(story.parts)
    events = story.run(op=Op.DELIST_INSTRUMENT, symbol=HERE)
    assert len(events) == 271
    for done in (1, 2, 135, 270, 271):
        recovered = Engine(LIMITS)
        recovered.apply(np.concatenate([history, events[:done]]))
        rest = recovered.run(np.zeros(0, COMMAND))
        assert rest.tobytes() == events[done:].tobytes(), f"seed {SEED}: after {done} of {len(events)}"
        assert recovered.state_hash() == story.engine.state_hash()


@pytest.mark.parametrize(
    "fields",
    [PLACE, *({"op": op, "account": 1, "client_id": LAST_ID} for op in (Op.MASS_CANCEL, Op.HALT, Op.RESUME)),
     {"op": Op.DELIST_INSTRUMENT}],
    ids=lambda fields: fields["op"].name.lower(),
)  # fmt: skip
def test_a_record_with_a_delisted_symbols_number_is_refused_even_after_every_symbol_resumed(
    fields: dict[str, Any],
) -> None:
    story = Story()
    story.run(op=Op.DELIST_INSTRUMENT, symbol=HERE)
    for op in (Op.HALT, Op.RESUME):
        story.run(op=op, symbol=NO_SYMBOL)
    (refused,) = story.run(**fields | {"symbol": HERE})
    assert (refused["type"], refused["reason"]) == (EventType.REJECTED, Reason.UNKNOWN_SYMBOL)
    assert refused["symbol"] == NO_SYMBOL


def test_a_change_by_the_name_of_a_delisted_symbol_is_refused() -> None:
    story = Story()
    change = build_catalog(INSTRUMENTS).seed_commands()[-1:].copy()
    change["op"] = Op.CHANGE_INSTRUMENT
    assert story.engine.run(change)["type"].tolist() == [EventType.CHANGED_INSTRUMENT]
    story.run(op=Op.DELIST_INSTRUMENT, symbol=HERE)
    assert story.engine.run(change)["reason"].tolist() == [Reason.UNKNOWN_SYMBOL]


@pytest.mark.parametrize("field", ["base", "quote", "lot_base_units", "tick_lot_quote_units"])
def test_a_change_of_what_is_fixed_is_malformed_though_no_text_can_ask_for_it(field: str) -> None:
    story = Story()
    story.engine.run(build_catalog({"asset": [{"name": "EUR", "decimals": 2}], "instrument": []}).seed_commands())
    assert story.engine.header()["asset_count"] == 3
    change = build_catalog(INSTRUMENTS).seed_commands()[-1:].copy()
    change["op"] = Op.CHANGE_INSTRUMENT
    terms = change.view(COMMAND_LIST_INSTRUMENT)
    terms[field] = 2 if field in ("base", "quote") else terms[field] * 10
    assert story.engine.run(change)["reason"].tolist() == [Reason.MALFORMED]


def test_a_delisted_asset_is_not_deposited_though_no_text_can_ask_for_it() -> None:
    story = Story()
    for symbol in (HERE, ELSEWHERE):
        story.run(op=Op.DELIST_INSTRUMENT, symbol=symbol)
    story.run(op=Op.DELIST_ASSET, symbol=0)
    for asset, answer in ((0, EventType.REJECTED), (1, EventType.DEPOSITED)):
        events = story.run(op=Op.DEPOSIT, account=1, client_id=2 + asset, symbol=asset, qty_lots=5)
        assert events["type"].tolist() == [answer]


def test_states_that_differ_in_a_changed_term_have_different_hashes() -> None:
    hashes = set()
    for price_max_ticks in (500, 501, 501):
        story = Story()
        change = build_catalog(INSTRUMENTS).seed_commands()[-1:].copy()
        change["op"] = Op.CHANGE_INSTRUMENT
        change.view(COMMAND_LIST_INSTRUMENT)["price_max_ticks"] = price_max_ticks
        assert story.engine.run(change)["type"].tolist() == [EventType.CHANGED_INSTRUMENT]
        hashes.add(story.engine.state_hash())
    assert len(hashes) == 2
