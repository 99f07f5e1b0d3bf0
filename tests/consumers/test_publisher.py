"""Market data and publisher as the processes they are, on real rings and real sockets."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zmq
import zmq.auth
from zmq.utils.monitor import recv_monitor_message

from client.python.subscriber import BookSubscriber
from config.curve import server_keys
from config.settings import PortSettings
from consumers.journal.checks import fill_checksums
from consumers.marketdata import process as marketdata
from consumers.marketdata import queries
from consumers.marketdata.fold import fold_all
from consumers.publisher import process as publisher
from ringbuf.records import MARKET
from ringbuf.ring import Ring
from tests.consumers.pipeline_parts import Place, cursor_of, fork, kill, publish, ring_in, start_journal, stop, until
from tests.consumers.test_against_engine import history
from tests.consumers.test_store_processes import whole_commands

EXAMPLE = Path(__file__).parents[2] / "client" / "examples" / "subscriber.py"
SYMBOL_ID = 0


@dataclass(frozen=True)
class FeedPlace(Place):
    """A Place with ports."""

    port_base: int = 0


def free_base() -> int:
    """A port base whose four ports are free just now."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            base = int(probe.getsockname()[1])
        try:
            for port in range(base, base + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base


class Running:
    """A journal, a market data process and a publisher."""

    def __init__(self, ring: Ring, place: FeedPlace, names: tuple[str, ...] = ("marketdata", "publisher")) -> None:
        self.ring, self.place = ring, place
        self.pids = {"journal": start_journal(place)}
        for name in names:
            self.start(name)

    def start(self, name: str) -> None:
        module: Any = {"marketdata": marketdata, "publisher": publisher}[name]
        self.pids[name] = fork(lambda: module.main(self.place))

    def caught_up(self, seq: int) -> None:
        for name in ("marketdata", "publisher"):
            until(lambda name=name: cursor_of(self.ring, name) == seq, f"{name} at {seq}")  # type: ignore[misc]


@contextmanager
def running(tmp_path: Path) -> Iterator[Running]:
    with ring_in(tmp_path, capacity=1 << 14) as (ring, place):
        chain = Running(ring, FeedPlace(place.name, tmp_path, port_base=free_base()))
        try:
            yield chain
        finally:
            codes = [stop(chain.pids[name]) for name in ("marketdata", "publisher", "journal")]
        assert codes == [0, 0, 0]


def as_book(subscriber: BookSubscriber, depth: dict[str, Any]) -> bool:
    return subscriber.bids == dict(depth["bids"]) and subscriber.asks == dict(depth["asks"])


def symbol_of(place: Place) -> str:
    from consumers.marketdata.store import open_tables, store_folder
    from consumers.store import StoreView
    from consumers.stored import read_catalog

    with StoreView(store_folder(place.data)) as view:
        open_tables(view)
        with view.snapshot() as txn:
            return read_catalog(txn, view).instruments[SYMBOL_ID].symbol


def test_a_subscriber_keeps_the_book_though_both_processes_are_killed(tmp_path: Path) -> None:
    events = history(21, 2500)
    pieces = whole_commands(events, 8)
    with running(tmp_path) as chain:
        publish(chain.ring, pieces[0], len(pieces[0]))
        chain.caught_up(int(pieces[0]["seq"][-1]))
        subscriber = BookSubscriber(symbol_of(chain.place), chain.place.port_base)
        for at, piece in enumerate(pieces[1:]):
            publish(chain.ring, piece, len(piece))
            name = ("marketdata", "publisher")[at % 2]
            kill(chain.pids[name])
            chain.start(name)
            subscriber.poll(0.05)
        chain.caught_up(len(events))
        depth = queries.depth(tmp_path, subscriber.symbol)
        assert depth["seq"] == len(events)
        deadline = time.monotonic() + 15
        while not as_book(subscriber, depth):
            assert time.monotonic() < deadline, f"{subscriber.snapshots} snapshots, book differs"
            subscriber.poll(0.2)
        _, records = fold_all(events)
        expected = [int(r["seq"]) for r in records if r["type"] == 1 and r["symbol"] == SYMBOL_ID]
        replayed = subscriber.replay(f"trade/{subscriber.symbol}/", 0, len(events))
        assert [message["seq"] for message in replayed] == expected
        assert [message["prev"] for message in replayed] == [0, *expected[:-1]][: len(expected)]
        told = json.dumps(replayed) + json.dumps(subscriber.replay(subscriber.topic, 0, len(events)))
        assert not any(word in told for word in ("account", "client_id", "order_id"))
        assert queries.trades(tmp_path, subscriber.symbol, 5)["trades"][-1]["seq"] == expected[-1]
        assert queries.candles(tmp_path, subscriber.symbol, "1m", 3)["candles"]
        subscriber.close()


def test_the_example_that_was_stopped_ends_with_the_engines_book(tmp_path: Path) -> None:
    events = history(22, 2000)
    first, *rest = whole_commands(events, 5)
    with running(tmp_path) as chain:
        publish(chain.ring, first, len(first))
        chain.caught_up(int(first["seq"][-1]))
        symbol = symbol_of(chain.place)
        out = tmp_path / "book.jsonl"
        with out.open("wb") as file:
            example = subprocess.Popen([sys.executable, str(EXAMPLE), symbol, str(chain.place.port_base)], stdout=file)
            try:
                until(lambda: out.stat().st_size > 0, "the example has a book")
                os.kill(example.pid, signal.SIGSTOP)
                for piece in rest:
                    publish(chain.ring, piece, len(piece))
                chain.caught_up(len(events))
                os.kill(example.pid, signal.SIGCONT)
                depth = queries.depth(tmp_path, symbol)

                def is_same() -> bool:
                    lines = out.read_bytes().splitlines(keepends=True)
                    whole = [line for line in lines if line.endswith(b"\n")]
                    book = json.loads(whole[-1])
                    return bool(book["bids"] == depth["bids"] and book["asks"] == depth["asks"])

                until(is_same, "the example's book")
            finally:
                example.kill()
                example.wait()


def test_the_binary_feed_is_the_records_and_its_heartbeat_too(tmp_path: Path) -> None:
    events = history(24, 600)
    first, *rest = whole_commands(events, 6)
    with running(tmp_path) as chain, zmq.Context() as context, context.socket(zmq.SUB) as feed:
        publish(chain.ring, first, len(first))
        chain.caught_up(int(first["seq"][-1]))
        feed.connect(f"tcp://127.0.0.1:{chain.place.port_base + 2}")
        topic = f"trade/{symbol_of(chain.place)}/".encode()
        feed.subscribe(topic)
        feed.subscribe(b"hb/")
        assert feed.poll(5000) and feed.recv_multipart()[0] == b"hb/"  # connected: what comes now is not missed
        for piece in rest:
            publish(chain.ring, piece, len(piece))
            chain.caught_up(int(piece["seq"][-1]))
        _, records = fold_all(events)
        records["spare"] = chain.place.epoch & 0xFFFFFFFF
        fill_checksums(records)
        told = [r.tobytes() for r in records if r["type"] == 1 and r["symbol"] == SYMBOL_ID and r["seq"] > len(first)]
        found: list[bytes] = []
        heartbeat = np.zeros(1, MARKET)
        while len(found) < len(told) or heartbeat["seq"][0] < len(events):
            assert feed.poll(5000), f"{len(found)} of {len(told)} trades"
            name, body = feed.recv_multipart()
            if name == topic:
                found.append(body)
            else:
                heartbeat = np.frombuffer(body, MARKET)
                assert np.count_nonzero(heartbeat["flags"]) == 1 and heartbeat["flags"][-1] == 1
        assert found == told and told


def test_who_comes_later_is_told_where_its_topic_stands_though_nothing_happens(tmp_path: Path) -> None:
    events = history(25, 400)
    with running(tmp_path) as chain, zmq.Context() as context:
        publish(chain.ring, events, len(events))
        chain.caught_up(len(events))
        _, records = fold_all(events)
        last = records[(records["type"] == 3) & (records["symbol"] == SYMBOL_ID)]["seq"][-1]
        for restart in (False, True):
            if restart:
                kill(chain.pids["publisher"])
                chain.start("publisher")
            with context.socket(zmq.SUB) as feed:
                feed.connect(f"tcp://127.0.0.1:{chain.place.port_base + 1}")
                topic = f"depth/{symbol_of(chain.place)}/"
                feed.subscribe(topic)
                feed.subscribe("hb/")
                said: dict[str, Any] = {}
                while topic not in said.get("topics", {}):
                    assert feed.poll(5000), f"restart {restart}: {said}"
                    said = json.loads(feed.recv_multipart()[1])
                assert said["topics"][topic] == last and said["seq"] == len(events)


def test_a_publisher_that_is_up_before_the_market_data_waits_for_it(tmp_path: Path) -> None:
    events = history(26, 900)
    first, second = whole_commands(events, 2)
    with running(tmp_path) as chain:
        publish(chain.ring, first, len(first))
        chain.caught_up(int(first["seq"][-1]))
    with ring_in(tmp_path, capacity=1 << 14, first_seq=len(first) + 1) as (ring, place):
        fresh = Ring.create(f"/{place.name}.market", 1 << 10, "market", place.epoch, "memory")
        chain = Running(ring, FeedPlace(place.name, tmp_path, port_base=free_base()), ("publisher",))
        subscriber = BookSubscriber(symbol_of(place), chain.place.port_base, timeout_ms=20_000)  # it answers
        chain.start("marketdata")
        publish(ring, second, len(second))
        chain.caught_up(len(events))
        depth = queries.depth(tmp_path, subscriber.symbol)
        deadline = time.monotonic() + 15
        while not as_book(subscriber, depth):
            assert time.monotonic() < deadline, f"{subscriber.snapshots} snapshots, book differs"
            subscriber.poll(0.2)
        subscriber.close()
        fresh.close()
        assert [stop(chain.pids[name]) for name in ("marketdata", "publisher", "journal")] == [0, 0, 0]


def open_to_all(place: FeedPlace) -> FeedPlace:
    """The same place, bound beyond loopback."""
    return replace(place, settings=replace(place.settings, ports=PortSettings(host="0.0.0.0")))


def test_beyond_loopback_a_listed_key_gets_the_feed_and_another_is_refused(tmp_path: Path) -> None:
    events = history(27, 400)
    with ring_in(tmp_path, capacity=1 << 14) as (ring, place):
        chain = Running(ring, open_to_all(FeedPlace(place.name, tmp_path, port_base=free_base())))
        publish(ring, events, len(events))
        chain.caught_up(len(events))
        server = server_keys(tmp_path)[0]
        listed, secret = zmq.auth.load_certificate(
            zmq.auth.create_certificates(tmp_path / "keys" / "curve" / "clients", "listed")[1]
        )
        assert secret is not None
        until(lambda: is_admitted(chain, (server, listed, secret)), "the listed key is admitted")
        symbol = symbol_of(place)
        subscriber = BookSubscriber(symbol, chain.place.port_base, keys=(server, listed, secret))
        assert as_book(subscriber, queries.depth(tmp_path, symbol))
        until(lambda: subscriber.poll(0.2) > 0, "a heartbeat")
        subscriber.close()
        for port in (1, 2, 3):
            assert not is_admitted(chain, (server, *zmq.curve_keypair()), port)
        assert [stop(chain.pids[name]) for name in ("marketdata", "publisher", "journal")] == [0, 0, 0]


def is_admitted(chain: Running, keys: tuple[bytes, bytes, bytes], port: int = 3) -> bool:
    """What the server says to these keys, on one of its ports."""
    ended = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_HANDSHAKE_FAILED_AUTH
    with zmq.Context() as context, context.socket(zmq.DEALER if port == 3 else zmq.SUB) as socket:
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = keys
        with socket.get_monitor_socket(ended[0] | ended[1]) as monitor:
            socket.connect(f"tcp://127.0.0.1:{chain.place.port_base + port}")
            assert monitor.poll(10_000), "no end of the handshake"
            event = recv_monitor_message(monitor)["event"]
            socket.disable_monitor()
    return bool(event == ended[0])


def test_whatever_comes_to_the_service_gets_an_error_and_disturbs_nobody(tmp_path: Path) -> None:
    events = history(23, 300)
    with running(tmp_path) as chain:
        publish(chain.ring, events, len(events))
        chain.caught_up(len(events))
        context = zmq.Context()
        asker = context.socket(zmq.DEALER)
        asker.connect(f"tcp://127.0.0.1:{chain.place.port_base + 3}")
        dice = np.random.default_rng(5)
        bad: list[list[bytes]] = [
            [b""], [b"", b""], [b"[]"], [b"{"], [b"\xff\xfe"], [b'{"op":5}'], [b'{"op":"snapshot"}'], [b"[" * 4000],
            [b'{"op":"snapshot","symbol":[]}'], [b'{"op":"replay","topic":"trade/X/","from":0,"to":1}'],
            [b'{"op":"replay","topic":"trade/BTC-USD/","from":-1,"to":1}'], [b"x" * 60_000], [b'{"op":[]}'],
            [b'{"op":"replay","topic":"//","from":0,"to":99999999999999999999}'],
            *([dice.bytes(int(dice.integers(1, 200)))] for _ in range(50)),
        ]  # fmt: skip
        for frames in bad:
            asker.send_multipart(frames)
            assert asker.poll(5000), frames
            assert "error" in json.loads(asker.recv()), frames
        asker.send(b'{"op":"symbols"}')
        assert json.loads(asker.recv())["instruments"][0]["symbol"] == symbol_of(chain.place)
        context.destroy(linger=0)
