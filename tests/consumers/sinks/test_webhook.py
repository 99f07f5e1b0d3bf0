"""The webhook: each alert at least once, in order, with a key by which a repeat is known; refusals are named."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from config.settings import SinkSettings
from consumers.sinks.kinds import check_sinks, open_target
from consumers.sinks.status import read_status
from consumers.sinks.target import TargetAway, TargetRefused
from consumers.sinks.webhook import TELLING
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.matrix import sink_table
from tests.pipeline import eventually, pipeline

SEED = 5


class Receiver:
    """A real HTTP server that notes what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[int] = []  # to the next requests; 200 once they are used up
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802  (the library's name)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = receiver.answers.pop(0) if receiver.answers else 200
                if answer == 200:
                    receiver.got.append((self.headers["Idempotency-Key"], body))
                self.send_response(answer)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Not on standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), SEED, 400)


def told_of(history: History) -> list[int]:
    whole = history.batch(0, history.last)
    return [event["seq"] for event in whole.fields if event["type"] in TELLING]


def test_every_telling_event_is_sent_in_order_and_a_restart_goes_on(tmp_path: Path, history: History) -> None:
    with receiving() as receiver:
        settings = SinkSettings("ops", "webhook", receiver.url)
        check_sinks((settings,))
        for batch in history.batches(0, 200):
            target = open_target(settings, tmp_path)  # a new one each time
            assert target.open(EPOCH) == batch.after
            target.write(batch)
        assert [body["number"] for _, body in receiver.got] == told_of(history)
        assert len({key for key, _ in receiver.got}) == len(receiver.got) > 5


def test_a_failing_other_side_is_told_again_with_the_same_key(tmp_path: Path, history: History) -> None:
    with receiving() as receiver:
        target = open_target(SinkSettings("ops", "webhook", receiver.url), tmp_path)
        target.open(EPOCH)
        receiver.answers = [200, 503]
        whole = history.batch(0, history.last)
        with pytest.raises(TargetAway, match="503"):
            target.write(whole)
        assert target.open(EPOCH) == 0
        target.write(whole)
        keys = [key for key, _ in receiver.got]
        assert keys[0] == keys[1], "the first was answered, and is sent once more"
        assert [body["number"] for _, body in receiver.got[1:]] == told_of(history)


def test_a_refusal_is_named_without_what_is_secret_in_the_url(tmp_path: Path, history: History) -> None:
    with receiving() as receiver:
        target = open_target(SinkSettings("ops", "webhook", receiver.url + "?token=secret"), tmp_path)
        target.open(EPOCH)
        receiver.answers = [403]
        with pytest.raises(TargetRefused, match="403") as refused:
            target.write(history.batch(0, history.last))
        assert "secret" not in str(refused.value)


def test_nobody_there_is_away(tmp_path: Path, history: History) -> None:
    with receiving() as receiver:
        settings = SinkSettings("ops", "webhook", receiver.url)
    target = open_target(settings, tmp_path)
    target.open(EPOCH)
    with pytest.raises(TargetAway):
        target.write(history.batch(0, history.last))


def test_halts_and_alerts_of_a_running_pipeline_reach_it(tmp_path: Path) -> None:
    with receiving() as receiver:
        limits = "[risk]\nmax_order_lots = 1\n"
        settings = SinkSettings("ops", "webhook", receiver.url)
        with pipeline(tmp_path, config=limits + sink_table(settings)) as pipe:
            pipe.up()
            pipe.report("send", '{"op":"halt","symbol":"BTC-USDT"}')
            pipe.report("send", '{"op":"deposit","account":7,"asset":"USDT","amount":"100000","client_id":1}')
            order = {"op": "place", "account": 7, "client_id": 2, "symbol": "ETH-USDT", "side": "buy"}
            pipe.report("send", json.dumps({**order, "type": "limit", "price": "100.00", "qty": "0.1"}))
            eventually(lambda: {body["kind"] for _, body in receiver.got} == {"event", "alert"}, "both kinds")
            assert [body["event"]["type"] for _, body in receiver.got if body["kind"] == "event"][0] == "halted"
            assert read_status(pipe.data, "ops").state == "writing"
