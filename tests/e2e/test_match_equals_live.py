"""The engine alone, on the commands of a live run, makes the live run's events, byte for byte; every store agrees."""

import json
import random
from pathlib import Path

import numpy as np

from config.json_events import encode_lines
from ringbuf.codes import FLAG_LAST, STEP_SESSION, EventType, Reason
from tests.e2e.flow import commands, history, match, write_lines
from tests.pipeline import pipeline

LISTINGS = 5  # events of the default instruments
MORE = [
    {"op": "halt", "symbol": "ETH-USDT"}, {"op": "resume"}, {"op": "suspend", "account": 3}, {"op": "nonsense"},
    {"op": "list_asset", "name": "SOL", "decimals": 9}, {"op": "time", "ts_ns": 1}, {"op": "unsuspend", "account": 3},
    {
        "op": "list_instrument", "symbol": "SOL-USDT", "base": "SOL", "quote": "USDT", "tick_size": "0.001",
        "lot_size": "0.01", "price_min": "0.001", "price_max": "10000", "maker_fee_ppm": 0, "taker_fee_ppm": 77,
    },
    {"op": "change_instrument", "symbol": "BTC-USDT", "taker_fee_ppm": 333, "qty_min": "0.0002"},
    {"op": "delist_instrument", "symbol": "SOL-USDT"}, {"op": "delist_asset", "asset": "SOL"},
    {"op": "delist_instrument", "symbol": "ETH-USDT"},
]  # fmt: skip


def test_match_on_the_commands_of_a_live_run_gives_the_live_events(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    flow = list(commands(10_000, seed, timed=False))
    flow[5_000:5_000] = MORE
    with pipeline(tmp_path) as running:
        running.up()
        running.report("feed", str(write_lines(tmp_path / "live.jsonl", iter(flow))), "--via", "shm")
        running.settled()
        (trade,) = running.report("query", "trades", "BTC-USDT", "--last", "1")["trades"]
        flow.append({"op": "bust", "trade_seq": trade["seq"]})
        assert running.report("send", json.dumps(flow[-1]))["events"][0]["type"] == "busted"
        running.settled()
        assert running.report("reconcile")["ok"]
        running.report("down")
        events, catalog = history(running.data)
    answers = (events["flags"] & FLAG_LAST != 0) & (events["session"] != STEP_SESSION)
    stamps = events["ts_ns"][answers][LISTINGS:]
    assert len(stamps) == len(flow)
    recorded = ({**command, "ts_ns": int(at)} for command, at in zip(flow, stamps, strict=True))
    again = match(write_lines(tmp_path / "recorded.jsonl", recorded), tmp_path / "match")
    assert again == encode_lines(events, catalog)
    assert np.count_nonzero(events["type"] == EventType.TRADE) > 1_000  # it was no empty exercise
    assert np.count_nonzero(events["reason"] == Reason.DELISTED) > 10
