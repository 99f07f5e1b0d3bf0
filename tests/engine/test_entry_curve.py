"""Order entry beyond loopback: CURVE around it, a key inside, and verbs of the host as ever."""

from collections.abc import Iterator

import orjson
import pytest
import zmq

from client.python.commands import place
from client.python.credentials import Credentials
from client.python.entry_client import EntryClient, EntryRefused, NoAnswer
from config.api_keys import create_key
from config.curve import keys_folder, server_keys
from ringbuf.codes import Side
from tests.pipeline import Pipeline, eventually, pipeline

CONFIG = '[ports]\nhost = "0.0.0.0"\n[entry]\nkeys = true\n'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("curve"), config=CONFIG) as made:
        made.start(["journal", "engine", "entry"])
        yield made


def listed(running: Pipeline, name: str) -> tuple[bytes, bytes, bytes]:
    """CURVE keys of a client that the operator has listed."""
    _, secret_file = zmq.auth.create_certificates(keys_folder(running.data) / "clients", name)
    public, secret = zmq.auth.load_certificate(secret_file)
    assert secret is not None
    return server_keys(running.data)[0], public, secret


def test_a_listed_client_with_a_key_trades_and_send_needs_neither(running: Pipeline) -> None:
    deposit = {"op": "deposit", "account": 7, "asset": "USDT", "amount": "1000", "client_id": 1}
    (event,) = running.report("send", orjson.dumps(deposit).decode())["events"]
    assert event["type"] == "deposited"
    key, secret = create_key(running.data, 7, ["trade"], ["127.0.0.1"])
    curve = listed(running, "bot")
    shown = Credentials(key.key, secret, curve=curve)
    client = eventually(lambda: let_in(running, shown), "entry has seen the client's file")
    try:
        client.send(place(7, 2, 0, Side.BUY, 1, price_ticks=100))
        eventually(lambda: client.own_answers(client.receive(1000)), "an answer")
    finally:
        client.close()
    with pytest.raises(EntryRefused, match="key, secret: expected both"):
        EntryClient(running.endpoint, 5.0, credentials=Credentials(curve=curve))


def let_in(running: Pipeline, shown: Credentials) -> EntryClient | None:
    try:
        return EntryClient(running.endpoint, 0.5, credentials=shown)
    except NoAnswer:
        return None


def test_who_is_not_listed_hears_nothing_whatever_key_it_has(running: Pipeline) -> None:
    key, secret = create_key(running.data, 7, ["trade"])
    server = server_keys(running.data)[0]
    for curve in (None, (server, *zmq.curve_keypair())):
        with pytest.raises(NoAnswer):
            EntryClient(running.endpoint, 0.5, credentials=Credentials(key.key, secret, curve=curve))
