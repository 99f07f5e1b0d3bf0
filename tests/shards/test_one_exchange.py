"""One entry, one feed and one reconciliation over two shards: to a client they are one engine, also while parts die."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import zmq

from client.python.subscriber import BookSubscriber
from config.json_events import encode_all
from ops.shards.layout import Shards, renamed
from tests.e2e.flow import ACCOUNTS, commands, first_difference, history, match, without_repeats, write_lines
from tests.pipeline import eventually, standing_still
from tests.shards.exchange import Exchange, TextClient, exchange, text_client

COUNT = 12_000
SYMBOLS = {"BTC-USDT": 0, "ETH-USDT": 1}  # and their shards
FUNDS = {"USDT": "30000000", "BTC": "400", "ETH": "6000"}
OWN_IDS = 3  # of an account's deposits


def fund(running: Exchange) -> None:
    """Every account gets on each shard what one engine would give it for all symbols."""
    with text_client(running.endpoint) as client:
        for account in range(1, ACCOUNTS + 1):
            for number, (asset, amount) in enumerate(FUNDS.items(), 1):
                for shard in range(running.shards):
                    paid = {"asset": asset, "amount": amount, "client_id": number, "shard": shard, "ts_ns": 1}
                    client.send(op="deposit", account=account, **paid)
        want = ACCOUNTS * len(FUNDS) * running.shards

        def funded() -> bool:
            client.listen(100)
            return sum(one.get("type") == "deposited" for one in client.heard) == want

        eventually(funded, f"{want} deposits")


def flow_of(folder: Path, seed: int) -> tuple[Path, Path]:
    """(what one engine gets, what is fed to the shards that have their funds already)."""
    lines = list(commands(COUNT, seed))
    whole = write_lines(folder / "whole.jsonl", iter(lines))
    return whole, write_lines(folder / "fed.jsonl", iter(lines[ACCOUNTS * len(FUNDS) :]))


def of_symbol(events: list[dict[str, Any]], symbol: str) -> list[dict[str, Any]]:
    """What happened to a symbol, whatever it is called."""
    return without_repeats([event for event in events if event.get("symbol") == symbol and event["type"] != "listed"])


def assert_like_one_engine(running: Exchange, whole: Path, out: Path) -> None:
    """Every event of each symbol is as in one engine that had all of them."""
    expected = [orjson.loads(line) for line in match(whole, out).splitlines()]
    assert not [event for event in expected if event.get("reason") == "insufficient_funds"], "funds are no matter here"
    assert sum(event["type"] == "trade" for event in expected) > COUNT // 10
    for symbol, shard in SYMBOLS.items():
        found = encode_all(*history(running.folder(shard)))
        outside = renamed(found, Shards(running.data, running.shards, 0), shard)
        said = first_difference(of_symbol(outside, symbol), of_symbol(expected, symbol))
        assert said == "", f"{symbol}: {said}"


class Listener:
    """A subscriber of everything. `gaps`: messages whose `prev` was never seen, as (topic, last seen, prev)."""

    def __init__(self, base: int) -> None:
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._socket = self._zmq.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.subscribe(b"")
        self._socket.connect(f"tcp://127.0.0.1:{base + 1}")
        self.last: dict[str, int] = {}
        self.trades: dict[str, list[int]] = {}
        self.gaps: list[tuple[str, int, int]] = []
        self.said: dict[str, int] = {}  # by heartbeats
        self.beats = 0
        self.epochs: set[int] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._end.is_set():
            if not self._socket.poll(20):
                continue
            topic, body = self._socket.recv_multipart()
            self._take(topic.decode(), orjson.loads(body))

    def _take(self, topic: str, message: dict[str, Any]) -> None:
        self.epochs.add(message["epoch"])
        if topic == "hb/":
            self.said |= message["topics"]
            self.beats += 1
            return
        before = self.last.get(topic, 0)
        if message["prev"] != before and before < message["seq"]:
            self.gaps.append((topic, before, message["prev"]))
        self.last[topic] = max(before, message["seq"])
        if topic.startswith("trade/"):
            self.trades.setdefault(topic, []).append(message["seq"])

    def has_the_tail(self) -> bool:
        """Whether it heard each topic up to where a heartbeat says that it is; those of before it came aside."""
        wanted = {f"{kind}/{symbol}/" for kind in ("trade", "depth", "bbo", "ticker") for symbol in SYMBOLS}
        told = dict(self.said)
        return wanted <= set(told) and all(self.last.get(t, 0 if t in wanted else s) == s for t, s in told.items())

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._socket.close()
        self._zmq.term()


@contextmanager
def listener(running: Exchange) -> Iterator[Listener]:
    """One that hears the heartbeat already."""
    made = Listener(running.base)
    try:
        eventually(lambda: made.beats > 1, "heartbeats")
        yield made
    finally:
        made.close()


def test_flow_through_the_one_entry_is_as_in_one_engine_and_the_one_feed_tells_all_of_it(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    whole, fed = flow_of(tmp_path, seed)
    with exchange(tmp_path) as running:
        running.up()
        fund(running)
        with listener(running) as heard:
            summary = running.report("feed", str(fed))
            assert summary["answered"] == COUNT and not summary["resumed"]
            status = running.settled()
            assert set(status["shards"]) == {"0", "1"} and status["published"] > COUNT
            eventually(heard.has_the_tail, "as much as the heartbeats tell of")
            assert heard.gaps == []
            assert len(heard.epochs) == 1
            traded = {symbol: heard.trades[f"trade/{symbol}/"] for symbol in SYMBOLS}
        assert_like_one_engine(running, whole, tmp_path / "match")
        running.reconciled()
        for symbol, shard in SYMBOLS.items():
            assert all(seq % running.shards == shard for seq in traded[symbol])
            check_asked(running, symbol, traded[symbol])
        assert running.verb("down").returncode == 0
        assert running.left() == []


def check_asked(running: Exchange, symbol: str, trades: list[int]) -> None:
    """Snapshot, replay and query of a symbol in the numbers of outside."""
    book = BookSubscriber(symbol, running.base)
    depth = running.report("query", "depth", symbol)
    assert [list(level) for level in book.bids.items()] == depth["bids"] and book.seq == depth["seq"]
    replayed = book.replay(f"trade/{symbol}/", 0, trades[-1])
    assert [message["seq"] for message in replayed] == trades
    inner = book.replay(f"trade/{symbol}/", trades[3], trades[7])
    assert [message["seq"] for message in inner] == trades[3:8]
    book.close()
    last = running.report("query", "trades", symbol, "--last", "1")["trades"][0]
    assert last["seq"] == trades[-1]


def test_flow_goes_on_as_in_one_engine_while_engines_entry_and_a_whole_shard_are_killed(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    whole, fed = flow_of(tmp_path, seed)
    with exchange(tmp_path) as running:
        running.up()
        fund(running)
        feed = running.popen("feed", str(fed), "--rate", "1500", "--json")

        def sum_of_events() -> int:
            return sum(len(history(running.folder(shard))[0]) for shard in range(running.shards))

        def flows(more: int) -> None:
            goal = sum_of_events() + more
            eventually(lambda: sum_of_events() > goal or feed.poll() is not None, f"{more} more events")
            assert feed.poll() is None, feed.communicate()

        flows(500)
        os.kill(running.pid_in(0, "engine"), signal.SIGKILL)
        flows(800)
        os.kill(running.pid("entry"), signal.SIGKILL)
        flows(800)
        os.kill(running.pid_in(1, "entry"), signal.SIGKILL)
        flows(800)
        running.kill_shard(1)
        said, complaints = feed.communicate(timeout=200)
        assert feed.returncode == 0, complaints
        assert orjson.loads(said)["resumed"] > 0
        running.settled()
        assert_like_one_engine(running, whole, tmp_path / "match")
        running.reconciled()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with exchange(tmp_path_factory.mktemp("one")) as made:
        made.up()
        yield made


@pytest.fixture
def client(running: Exchange) -> Iterator[TextClient]:
    with text_client(running.endpoint) as made:
        yield made


def order(account: int, client_id: int, symbol: str, **terms: Any) -> dict[str, Any]:
    """A limit order that rests."""
    body = {"op": "place", "account": account, "client_id": client_id, "symbol": symbol, "side": "buy"}
    return body | {"type": "limit", "price": "100.00", "qty": "1"} | terms


def test_while_a_shard_stands_still_the_others_trade_and_its_orders_are_refused_by_name(
    running: Exchange, client: TextClient
) -> None:
    for shard in (0, 1):
        client.ask(op="deposit", account=70, asset="USDT", amount="10000", client_id=1 + shard, shard=shard)
    other = TextClient(running.endpoint)
    assert other.ask(**order(70, 3, "ETH-USDT"))["type"] == "accepted"  # so the way there is open
    supervisor = orjson.loads((running.folder(1) / "run.json").read_bytes())["supervisor"]["pid"]
    pids = [supervisor, *(running.pid_in(1, name) for name in ("engine", "replica", "entry"))]
    with standing_still(pids[0]), standing_still(pids[1]), standing_still(pids[2]), standing_still(pids[3]):
        other.send(**order(70, 4, "ETH-USDT"))  # nobody knows of this one
        assert client.ask(**order(70, 5, "BTC-USDT"))["type"] == "accepted"

        def told() -> bool:
            other.listen(100)
            return any("not known whether" in one.get("error", "") for one in other.heard)

        eventually(told, "that it is not known whether the order was taken")
        assert other.ask(**order(70, 10, "ETH-USDT"))["reason"] == "overloaded"
        assert client.ask(**order(70, 6, "ETH-USDT"))["reason"] == "overloaded"
        assert client.ask(**order(70, 7, "BTC-USDT"))["type"] == "accepted"
    eventually(lambda: client.ask(**order(70, 8, "ETH-USDT"))["type"] == "accepted", "the shard is back")
    again = other.ask(**order(70, 4, "ETH-USDT"))
    other.close()
    assert again["type"] == "accepted" or again["reason"] == "duplicate_client_id", "sent again it happens once"
    running.settled()
    placed = [one for one in running.report("query", "orders", "70")["orders"] if one["client_id"] == 4]
    assert len(placed) == 1
    running.reconciled()


def test_orders_are_found_by_any_name_and_all_of_an_account_end_together(running: Exchange, client: TextClient) -> None:
    for shard in (0, 1):
        client.ask(op="deposit", account=72, asset="USDT", amount="10000", client_id=1 + shard, shard=shard)
    placed = [client.ask(**order(72, 10 + number, symbol)) for number, symbol in enumerate([*SYMBOLS] * 3)]
    ids = [one["order_id"] for one in placed]
    assert len(set(ids)) == len(ids) and {number % 2 for number in ids} == {0, 1}
    assert client.ask(op="cancel", account=72, client_id=20, orig_client_id=10)["order_id"] == ids[0]
    assert client.ask(op="cancel", account=72, client_id=21, order_id=ids[1])["client_id"] == 11
    os.kill(running.pid("entry"), signal.SIGKILL)  # it no longer knows where 12 was placed: all shards are asked
    eventually(lambda: running.restarts("entry") == 1, "another entry")
    with text_client(running.endpoint) as other:
        found = other.ask(op="cancel", account=72, client_id=22, orig_client_id=12)
        assert (found["type"], found["order_id"]) == ("cancelled", ids[2])
        named = other.ask(op="amend", account=72, client_id=23, orig_client_id=13, symbol="ETH-USDT", qty="0.5")
        assert (named["type"], named["order_id"]) == ("amended", ids[3])
        other.heard.clear()
        other.send(op="mass_cancel", account=72, client_id=24)
        other.answer(72, 24)
        eventually(lambda: other.listen() or len(other.heard) >= 5, "what all shards did")  # type: ignore[func-returns-value]
        assert [one["type"] for one in other.heard].count("cancelled") == 3
        assert sum(int(one["qty"]) for one in other.heard if one["type"] == "mass_cancelled") == 3
    running.settled()
    assert running.report("query", "orders", "72")["orders"] == []
    assert running.report("query", "order", "72", "14")["order_id"] == ids[4]
    assert running.report("query", "order", str(ids[5]))["client_id"] == 15


def test_a_silent_client_that_asked_for_it_has_its_orders_ended_on_every_shard(
    running: Exchange, client: TextClient
) -> None:
    for shard in (0, 1):
        client.ask(op="deposit", account=74, asset="USDT", amount="10000", client_id=1 + shard, shard=shard)
    client.send(op="hello", account=74, cancel_on_disconnect=True)
    eventually(lambda: client.listen() or [h for h in client.heard if h.get("silent_ms")], "a guarded session")  # type: ignore[func-returns-value]
    for number, symbol in enumerate(SYMBOLS):
        assert client.ask(**order(74, 10 + number, symbol))["type"] == "accepted"
    running.settled()
    assert len(running.report("query", "orders", "74")["orders"]) == 2
    eventually(lambda: running.report("query", "orders", "74")["orders"] == [], "no order is left")


def test_what_is_listed_later_is_listed_once_on_one_shard_and_traded_through_the_one_entry(
    running: Exchange, client: TextClient
) -> None:
    terms = {"base": "ETH", "quote": "USDT", "tick_size": "0.01", "lot_size": "0.001", "price_min": "0.01"}
    terms |= {"price_max": "200000", "maker_fee_ppm": 100, "taker_fee_ppm": 200}  # type: ignore[dict-item]
    texts = [orjson.dumps({"op": "list_instrument", "symbol": name, **terms}).decode() for name in ("A-USDT", "B-USDT")]
    listed = running.report("send", *texts, texts[0])["events"]
    assert [one["type"] for one in listed] == ["listed", "listed", "rejected"]
    assert [one["seq"] % 2 for one in listed[:2]] == [0, 1], "the shard with the fewest"
    client.ask(op="deposit", account=77, asset="USDT", amount="1000", client_id=1)
    assert client.ask(**order(77, 2, "B-USDT"))["type"] == "accepted"
    both = running.report("send", '{"op":"list_asset","name":"NEW","decimals":2}')["events"]
    assert [one["type"] for one in both] == ["listed", "listed"]
    assert client.ask(op="deposit", account=78, asset="NEW", amount="1.25", client_id=1)["type"] == "deposited"
    answer = client.ask(op="transfer", account=78, asset="NEW", amount="1", client_id=2, **{"from": 0, "to": 1})
    assert answer["type"] == "transferred"
    running.settled()
    balance = running.report("query", "balance", "78")["NEW"]
    assert balance == {"available": "1.25", "frozen": "0.00"}
    running.reconciled()


def test_verbs_of_one_pipeline_say_that_they_take_a_shard(running: Exchange) -> None:
    for verb, *more in (("top",), ("trace", "5"), ("journal", "verify"), ("report", "account", "1"), ("backup", "x")):
        done = running.verb(verb, *more)
        assert done.returncode == 2 and f"--data {running.folder(0)}" in done.stderr, (verb, done.stderr)
    done = running.verb("up", "--shards", "3", "--port-base", "40000")
    assert done.returncode == 2
