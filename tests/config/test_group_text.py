"""Groups as text: several records or one malformed command."""

from typing import Any

import orjson
import pytest

from config.instruments import build_catalog
from config.json_commands import decode, decode_all
from ringbuf.codes import CMD_GROUP, GROUP_MAX, NO_ACCOUNT, NO_ID, Op, Reason
from tests.config.cases import tables

CATALOG = build_catalog(tables())
PLACE: dict[str, Any] = {
    "op": "place", "client_id": 3, "symbol": "BTC-USDT", "side": "buy", "type": "limit", "price": "50000", "qty": "0.5",
}  # fmt: skip


def group(*members: Any, **changes: Any) -> dict[str, Any]:
    return {"op": "group", "account": 7, "commands": list(members), **changes}


def places(count: int) -> list[dict[str, Any]]:
    return [PLACE | {"client_id": 10 + at} for at in range(count)]


@pytest.mark.parametrize("count", [1, 2, GROUP_MAX])
def test_all_but_the_last_of_a_group_say_that_it_goes_on(count: int) -> None:
    records, wrong = decode_all(orjson.dumps(group(*places(count), ts_ns=5)), CATALOG)
    assert wrong is None
    assert (records["flags"] & CMD_GROUP != 0).tolist() == [True] * (count - 1) + [False]
    assert (records["op"] == Op.PLACE).all() and (records["account"] == 7).all() and (records["ts_ns"] == 5).all()
    assert records["client_id"].tolist() == list(range(10, 10 + count))


def test_a_member_is_the_place_that_it_would_be_alone() -> None:
    member = PLACE | {"display_qty": "0.1", "tif": "gtd", "expire_ts_ns": 9, "post_only": True}
    records, _ = decode_all(group(member, PLACE), CATALOG)
    alone = decode(member | {"account": 7}, CATALOG)
    alone["flags"] |= CMD_GROUP
    assert records[0] == alone


@pytest.mark.parametrize(
    "changes",
    [
        {"commands": None}, {"commands": []}, {"commands": places(GROUP_MAX + 1)}, {"commands": {"0": PLACE}},
        {"commands": [PLACE, 7]}, {"account": None}, {"account": "7"}, {"account": 2**32 - 1}, {"ts_ns": -1},
    ],
)  # fmt: skip
def test_what_cannot_be_read_as_a_group_is_one_malformed_command(changes: dict[str, Any]) -> None:
    records, wrong = decode_all(group(*places(2)) | changes, CATALOG)
    assert wrong is not None and len(records) == 1
    assert (records["op"][0], records["refuse"][0], records["client_id"][0]) == (Op.MALFORMED, Reason.MALFORMED, NO_ID)
    assert records["account"][0] == (7 if "account" not in changes else NO_ACCOUNT)


@pytest.mark.parametrize(
    "changes",
    [
        {"op": "cancel"}, {"op": None}, {"account": 8}, {"account": True}, {"ts_ns": 5}, {"qty": None}, {"tif": "ioc"},
        {"tif": "fok"}, {"type": "market", "price": None}, {"type": "stop", "price": None, "stop_price": "1"},
        {"side": "up"}, {"client_id": "x"}, {"op": "group", "commands": [PLACE]},
    ],
)  # fmt: skip
def test_a_member_that_is_malformed_is_refused_alone(changes: dict[str, Any]) -> None:
    before, wrong_one, after = places(3)
    records, wrong = decode_all(group(before, wrong_one | changes, after), CATALOG)
    assert wrong is not None and wrong.startswith("commands[1].")
    assert records["op"].tolist() == [Op.PLACE] * 3
    assert records["refuse"].tolist() == [0, Reason.MALFORMED, 0]
    assert (records["flags"] & CMD_GROUP != 0).tolist() == [True, True, False]
    assert (records["account"] == 7).all()
    assert records["client_id"][1] == (11 if "client_id" not in changes else NO_ID)


def test_a_member_may_name_the_groups_account() -> None:
    assert decode_all(group(PLACE | {"account": 7}), CATALOG)[1] is None


def test_members_keep_their_own_refusals() -> None:
    records, wrong = decode_all(group(PLACE | {"symbol": "X"}, PLACE | {"price": "0.001"}, PLACE), CATALOG)
    assert wrong is None
    assert records["refuse"].tolist() == [Reason.UNKNOWN_SYMBOL, Reason.PRICE_OFF_TICK, 0]


def test_a_group_of_several_is_no_single_record() -> None:
    assert decode(group(*places(2)), CATALOG)["op"] == Op.MALFORMED
    assert decode(group(*places(1)), CATALOG)["op"] == Op.PLACE
