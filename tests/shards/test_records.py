"""Numbers of a shard and of outside, what all shards answer together, and where commands go."""

import random
from pathlib import Path

import numpy as np
import pytest

from client.python import commands as ask
from config.errors import ConfigError
from config.instruments import load_instruments
from config.settings import Settings, SinkSettings
from ops.shards.asked import Asked, merged
from ops.shards.layout import MAX_CLIENT_ID, Shards, instruments_of, open_shards, read_shards
from ops.shards.listings import differing, together
from ops.shards.records import commands_inside, events_outside, market_outside
from ops.shards.routing import ALL, Routing, runs
from ops.shards.run import refuse_keys, refuse_what_all_would_share, refuse_what_forgets
from ringbuf.codes import FLAG_LAST, NO_ACCOUNT, NO_ID, NO_SYMBOL, EventType, Op, Reason, Side
from ringbuf.records import COMMAND, COMMAND_BUST, EVENT, MARKET
from tests.pipeline import INSTRUMENTS

SHARDS = Shards(Path("nowhere"), 3, 1)


def events(kind: EventType, **fields: int) -> np.ndarray:
    found = np.zeros(1, EVENT)
    found["client_id"] = found["request_id"] = NO_ID
    found["symbol"], found["account"], found["type"] = NO_SYMBOL, NO_ACCOUNT, kind
    for name, value in fields.items():
        found[name] = value
    return found


def test_every_number_goes_outside_and_back_and_none_is_two_shards() -> None:
    rng = random.Random(1)
    seen: dict[int, tuple[int, int]] = {}
    for _ in range(2_000):
        shard, inside = rng.randrange(3), rng.randrange(1, 1 << 40)
        outside = SHARDS.outside(inside, shard)
        assert SHARDS.inside(outside) == (shard, inside)
        assert seen.setdefault(outside, (shard, inside)) == (shard, inside)
    assert SHARDS.outside(0, 2) == 0, "none stays none"


def test_a_trade_is_told_in_numbers_of_outside() -> None:
    trade = events(EventType.TRADE, seq=10, order_id=9, maker_order_id=4, symbol=2, client_id=12, account=5)
    told = events_outside(trade, SHARDS, 1)
    names = ("seq", "order_id", "maker_order_id", "symbol", "client_id", "request_id", "account")
    assert [int(told[name][0]) for name in names] == [31, 28, 13, 7, 6, NO_ID, 5]
    assert int(trade["seq"][0]) == 10, "the shard's own record stays as it was"


def test_what_stands_in_the_place_of_another_field_stays_as_it_is() -> None:
    placed = events(EventType.ACCEPTED, seq=4, order_id=4, maker_order_id=777)  # there: the stop price
    assert int(events_outside(placed, SHARDS, 2)["maker_order_id"][0]) == 777
    busted = events(EventType.BUSTED, seq=4, request_id=3)  # there: the trade's sequence
    assert int(events_outside(busted, SHARDS, 2)["request_id"][0]) == 11
    paid = events(EventType.DEPOSITED, seq=4, symbol=1, client_id=8)  # there: the asset
    assert [int(events_outside(paid, SHARDS, 2)[name][0]) for name in ("symbol", "client_id")] == [1, 4]
    listed = events(EventType.LISTED_INSTRUMENT, seq=4, symbol=1, order_id=99, client_id=98)  # there: the name
    told = events_outside(listed, SHARDS, 2)
    assert [int(told[name][0]) for name in ("symbol", "order_id", "client_id")] == [5, 99, 98]
    refused = events(EventType.REJECTED)  # by entry, without a sequence
    assert [int(events_outside(refused, SHARDS, 2)[name][0]) for name in ("seq", "order_id")] == [0, 0]


def test_a_command_reaches_its_shard_in_the_shards_numbers() -> None:
    placed = ask.place(7, 5, symbol=7, side=Side.BUY, qty_lots=1, price_ticks=10, oco_client_id=4)
    own = commands_inside(placed, SHARDS)
    assert [int(own[name][0]) for name in ("symbol", "client_id", "orig_client_id")] == [2, 10, 8]
    cancelled = ask.cancel(7, 6, order_id=31)
    cancelled["symbol"] = 7  # only for finding it
    own = commands_inside(cancelled, SHARDS)
    assert [int(own[name][0]) for name in ("symbol", "client_id", "order_id")] == [NO_SYMBOL, 12, 10]
    bust = np.zeros(1, COMMAND)
    bust["op"], bust.view(COMMAND_BUST)["trade_seq"] = Op.BUST, 31
    assert int(commands_inside(bust, SHARDS).view(COMMAND_BUST)["trade_seq"][0]) == 10


def test_a_client_id_too_great_to_be_doubled_is_malformed() -> None:
    own = commands_inside(ask.cancel(7, MAX_CLIENT_ID + 1, order_id=31), SHARDS)
    assert int(own["refuse"][0]) == Reason.MALFORMED
    assert int(commands_inside(ask.cancel(7, MAX_CLIENT_ID, order_id=31), SHARDS)["client_id"][0]) == MAX_CLIENT_ID * 2


def test_market_records_keep_their_chain() -> None:
    records = np.zeros(2, MARKET)
    records["seq"], records["prev"], records["symbol"], records["mseq"] = [5, 9], [0, 5], 1, [3, 4]
    told = market_outside(records, SHARDS, 2)
    assert told["seq"].tolist() == [17, 29] and told["prev"].tolist() == [0, 17]
    assert told["symbol"].tolist() == [5, 5] and told["mseq"].tolist() == [3, 4]


def test_instruments_are_divided_so_that_ids_outside_are_those_of_one_engine() -> None:
    whole = load_instruments(INSTRUMENTS)
    shards = Shards(Path("nowhere"), 2, 1)
    parts = [instruments_of(whole, shards, shard) for shard in range(2)]
    again = together(parts)
    assert [one.symbol for one in again.instruments] == [one.symbol for one in whole.instruments]
    assert [one.id for one in again.instruments] == [one.id for one in whole.instruments]
    assert all([a.name for a in part.assets] == [a.name for a in whole.assets] for part in parts)
    assert differing(parts) == ""
    parts[1].add_asset("MORE", 2)
    assert differing(parts) == "", "a shard may be behind"
    parts[0].add_asset("OTHER", 2)
    assert "MORE on shard 1" in differing(parts) or "OTHER on shard 0" in differing(parts)


class Known:
    """Listings as routing asks for them."""

    def shard_of(self, symbol: str) -> int | None:
        return {"B-C": 2}.get(symbol)

    def next_shard(self) -> int:
        return 1


def test_commands_go_where_what_they_name_is() -> None:
    routing = Routing(SHARDS, Known())  # type: ignore[arg-type]

    def where(*given: np.ndarray) -> list[int]:
        return routing.route(np.concatenate(given)).tolist()

    assert where(ask.cancel(7, 1, orig_client_id=5)) == [ALL], "nobody knows where 5 was placed"
    assert where(ask.place(7, 5, symbol=8, side=Side.BUY, qty_lots=1, price_ticks=1)) == [2]
    assert where(ask.cancel(7, 6, orig_client_id=5), ask.amend(7, 7, orig_client_id=5, qty_lots=1)) == [2, 2]
    assert where(ask.cancel(7, 8, order_id=31), ask.cancel(8, 9, orig_client_id=5)) == [1, ALL]
    assert where(ask.mass_cancel(7, 10), ask.mass_cancel(7, 11, symbol=4)) == [ALL, 1]
    paid = np.zeros(1, COMMAND)
    paid["op"], paid["account"] = Op.DEPOSIT, 8
    assert where(paid) == [2] and routing.route(paid, home=0).tolist() == [0]


def test_a_group_over_two_shards_is_made_malformed_and_stays_together() -> None:
    routing = Routing(SHARDS, Known())  # type: ignore[arg-type]
    orders = [ask.place(7, n, symbol=n, side=Side.BUY, qty_lots=1, price_ticks=1) for n in (3, 6, 4)]
    one = ask.group(orders[0], orders[1])
    assert routing.route(one).tolist() == [0, 0] and not one["refuse"].any()
    two = ask.group(orders[0], orders[2])
    assert routing.route(two).tolist() == [0, 0] and (two["refuse"] == Reason.MALFORMED).all()


def test_what_all_are_asked_is_asked_alone() -> None:
    three = np.concatenate([ask.mass_cancel(7, n) for n in range(3)])
    assert runs(np.array([0, 1, ALL, ALL, 2]), np.concatenate([three, three])[:5]) == [(0, 2), (2, 3), (3, 4), (4, 5)]


def last(found: np.ndarray) -> np.ndarray:
    found["flags"] |= FLAG_LAST
    return found


def test_of_what_all_answer_only_what_was_done_is_told_and_it_ends_once() -> None:
    refused = last(events(EventType.REJECTED, seq=1, reason=Reason.UNKNOWN_ACCOUNT))
    done = [last(events(EventType.MASS_CANCELLED, seq=seq)) for seq in (2, 3)]
    told = merged([done[0], refused, done[1]])
    assert told["seq"].tolist() == [2, 3] and (told["flags"] & FLAG_LAST).tolist() == [0, 1]
    repeat = last(events(EventType.REJECTED, seq=4, reason=Reason.DUPLICATE_CLIENT_ID))
    assert merged([refused, repeat, refused])["seq"].tolist() == [4], "the refusal that says most"
    unfinished = merged([done[0], refused], is_whole=False)
    assert unfinished["seq"].tolist() == [2] and not (unfinished["flags"] & FLAG_LAST).any()


def test_what_is_owed_is_known_for_each_shard() -> None:
    asked = Asked(1, 2, for_all=False)
    orders = np.concatenate([ask.cancel(7, n, order_id=3) for n in (1, 2, 3)])
    asked.send(0, orders[:2])
    asked.send(1, orders[2:])
    asked.refuse(0, orders[:1], Reason.OVERLOADED)
    assert not asked.is_done()
    assert asked.lost(0)["client_id"].tolist() == [2]
    asked.left[1] = 0
    assert asked.is_done()


def test_a_directory_keeps_its_number_of_shards(tmp_path: Path) -> None:
    made = open_shards(tmp_path, 3)
    assert read_shards(tmp_path) == made == open_shards(tmp_path, None) == open_shards(tmp_path, 3)
    with pytest.raises(ConfigError, match="expected 3"):
        open_shards(tmp_path, 4)
    (tmp_path / "shards.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"shards\.json"):
        read_shards(tmp_path)


def test_shards_begin_in_an_empty_directory_only(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(ConfigError, match="the history of one engine"):
        open_shards(tmp_path, 2)
    for wrong in (1, 101, None):
        with pytest.raises(ConfigError, match="--shards"):
            open_shards(tmp_path / "other", wrong)


def test_settings_that_all_shards_would_share_or_that_forget_are_refused() -> None:
    from dataclasses import replace

    settings = Settings()
    shared = replace(settings, sinks=(SinkSettings("a", "redis", "redis://127.0.0.1:6379/0"),))
    with pytest.raises(ConfigError, match=r"sink\[0\]\.url"):
        refuse_what_all_would_share(shared)
    refuse_what_all_would_share(
        replace(settings, sinks=(SinkSettings("a", "redis", "redis://127.0.0.1:6379/{shard}"),))
    )
    with pytest.raises(ConfigError, match="durability"):
        refuse_what_forgets(replace(settings, engine=replace(settings.engine, durability="memory")))
    with pytest.raises(ConfigError, match="behind_snapshots"):
        refuse_what_forgets(replace(settings, journal=replace(settings.journal, behind_snapshots="remove")))
    with pytest.raises(ConfigError, match=r"entry\.keys"):
        refuse_keys(replace(settings, entry=replace(settings.entry, keys=True)))
