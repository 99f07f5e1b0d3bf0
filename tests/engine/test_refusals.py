"""A refusal names what the command names, and nothing that only stands at the same bytes."""

import pytest

from tests.engine.fast import FastEngine
from tests.reference.case import BEGIN, INSTRUMENTS


@pytest.mark.parametrize(
    "command",
    [
        {"op": "change_instrument", "symbol": "NO-NO", "maker_fee_ppm": 1},
        {"op": "delist_asset", "asset": "USD"},
        {"op": "list_asset", "name": "USD", "decimals": 2},
        {"op": "bust", "trade_seq": 5},
    ],
    ids=lambda command: str(command["op"]),
)
def test_a_refused_command_of_the_operator_names_no_account_client_or_instrument(command: dict[str, object]) -> None:
    engine = FastEngine(INSTRUMENTS)
    for begin in BEGIN:
        engine.run(begin)
    (refused,) = engine.run(command)
    assert refused["type"] == "rejected"
    assert refused.keys() == {"seq", "ts_ns", "type", "reason"}
