"""What Redis servers do that is not theirs to do: out of memory or disk, read-only, loading, locked, gone back."""

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.sinks.kinds import open_target
from consumers.sinks.target import TargetAway, TargetRefused
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.matrix import wanted
from tests.consumers.sinks.redis_sinks import expect_all, go_on, opened, sink
from tests.disks import filled, small_disk
from tests.pipeline import eventually
from tests.servers import redis
from tests.servers.base import HOST
from tests.servers.found import program

SEED = 12
PASSWORD = "correct-horse"
# As docs/sinks.md says what the sink's user needs.
RIGHTS = [
    *("+select", "+client|setname", "+watch", "+unwatch", "+multi", "+exec", "+hmget", "+hset", "+type", "+exists"),
    *("+xadd", "+xtrim", "+xrange", "+xrevrange", "+xinfo|stream", "+xsetid", "+set", "+publish"),
]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), SEED, 800)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[redis.Redis]:
    started = wanted(redis).start(tmp_path / "redis")
    yield started
    started.stop()


def expect_refused(settings: Any, history: History, words: str) -> None:
    """Opening is refused, in these words and without the password."""
    with pytest.raises(TargetRefused, match=words) as refused:
        opened(settings, history.data)
    chain: BaseException | None = refused.value
    while chain is not None:
        assert PASSWORD not in str(chain) and "battery-staple" not in str(chain)
        chain = chain.__cause__


def test_a_wrong_password_is_refused_and_never_told(server: redis.Redis, history: History) -> None:
    with server.connect() as client:
        rights = {"keys": ["locked:*"], "channels": ["locked:*"], "commands": RIGHTS}
        client.acl_setuser("sink", enabled=True, passwords=[f"+{PASSWORD}"], **rights)
        client.acl_setuser("reader", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], commands=["+@read"])
        client.acl_setuser("default", enabled=False)

    def settings(user: str, password: str) -> Any:
        return sink("locked", server.port, url=f"redis://{user}:{password}@{HOST}:{server.port}/0")

    expect_refused(settings("sink", "battery-staple"), history, "WRONGPASS")
    expect_refused(sink("locked", server.port), history, "NOAUTH|HELLO|authentication|Authentication")
    expect_refused(settings("reader", PASSWORD), history, "NOPERM")
    allowed = settings("sink", PASSWORD)
    go_on(allowed, history)
    expect_all(allowed, history)
    target = open_target(allowed, history.data)
    assert target.look(EPOCH) == history.last
    assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 0
    target.close()


def test_no_memory_is_away_in_its_words_and_leaves_no_hole(server: redis.Redis, history: History) -> None:
    rng = random.Random(SEED)
    settings = sink("memory", server.port)
    with server.connect() as client:
        refused = 0
        while refused < 12:
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", used + rng.randrange(60_000))  # room for some commands of a batch
            try:
                go_on(settings, history, 50)
                break
            except TargetAway as why:
                assert "OOM" in str(why) and "maxmemory" in str(why)
                refused += 1
            finally:
                client.config_set("maxmemory", 0)
        assert refused > 2, f"seed {SEED}"
    go_on(settings, history)
    expect_all(settings, history)


def test_a_replica_is_refused(server: redis.Redis, history: History, tmp_path: Path) -> None:
    settings = sink("replica", server.port)
    target, at = opened(settings, history.data)
    batches = list(history.batches(at, 100))
    target.write(batches[0])
    with server.connect() as client:
        client.replicaof("127.0.0.1", 1)  # of nobody: it keeps what it has, and takes nothing
        with pytest.raises(TargetRefused, match="READONLY"):
            target.write(batches[1])
        target.close()
        with pytest.raises(TargetRefused, match="READONLY"):
            opened(settings, history.data)
        client.replicaof("NO", "ONE")
    go_on(settings, history)
    expect_all(settings, history)


def test_a_server_that_loads_its_data_is_away(server: redis.Redis, history: History) -> None:
    settings = sink("loading", server.port)
    go_on(settings, history, upto=700)
    with server.connect() as client, client.pipeline(transaction=False) as many:
        for number in range(40_000):
            many.set(f"other:{number}", number)
        many.execute()
    server.kill()
    slow = ["--key-load-delay", "100"]  # microseconds a command; it listens every 1 024 of them
    process = subprocess.Popen([*server.command(), *slow], cwd=server.folder, stdout=subprocess.DEVNULL)
    try:
        said = ""

        def loading() -> bool:
            nonlocal said
            try:
                target, _ = opened(settings, history.data)
            except TargetAway as why:
                said = str(why)
                assert not isinstance(why, TargetRefused)
                return "LOADING" in said
            target.close()
            raise AssertionError(f"it has loaded before it was asked; last {said!r}")

        eventually(loading, "it says that it is loading")
    finally:
        process.kill()
        process.wait()
    server.restart()
    go_on(settings, history)
    expect_all(settings, history)


def test_a_full_disk_is_away_and_goes_on_once_there_is_room(tmp_path: Path, history: History) -> None:
    server = wanted(redis).Redis(tmp_path / "redis")
    with small_disk(tmp_path / "redis", 16) as disk:
        server.start()
        settings = sink("disk", server.port)
        try:
            go_on(settings, history, upto=200)
            with filled(disk), pytest.raises(TargetAway, match="MISCONF.*No space left on device") as why:
                while True:  # it says so with the write after the one that found no room
                    go_on(settings, history, 20)
                    with server.connect() as client:
                        client.delete("disk:cursor", "disk:events", "disk:trades")
            assert not isinstance(why.value, TargetRefused)

            def room_again() -> bool:
                try:
                    go_on(settings, history)
                except TargetAway:
                    return False
                return True

            eventually(room_again, "it takes writes again")
            expect_all(settings, history)
        finally:
            server.stop()


def test_streams_and_cursor_go_back_together_when_the_server_loses_its_tail(
    server: redis.Redis, history: History
) -> None:
    """As after a loss of power with `appendfsync everysec`: the file ends somewhere in the last second."""
    rng = random.Random(SEED)
    settings = sink("tail", server.port)
    at = went_back = 0
    while at < history.last:
        go_on(settings, history, 40, upto=min(at + 300, history.last))
        server.kill()
        (log,) = (server.data / "appendonlydir").glob("*.incr.aof")
        size = log.stat().st_size
        with log.open("r+b") as file:
            file.truncate(size - rng.randrange(1, min(size // 2, 30_000)))
        server.restart()
        target, found = opened(settings, history.data)
        with server.connect() as client:
            newest = client.xrevrange("tail:events", count=1)
            trades = client.xrevrange("tail:trades", count=1)
        assert found == (int(newest[0][0].partition(b"-")[0]) if newest else 0), f"seed {SEED}: {found}, {newest}"
        assert not trades or int(trades[0][0].partition(b"-")[0]) <= found
        target.close()
        went_back += found < min(at + 300, history.last)
        at = max(found, at + 100)
    assert went_back > 2, f"seed {SEED}"
    go_on(settings, history)
    expect_all(settings, history)


def test_a_server_that_does_not_answer_is_away_in_time(server: redis.Redis, history: History) -> None:
    settings = sink("mute", server.port)
    target, at = opened(settings, history.data)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TargetAway, match="[Tt]imeout"):
            target.write(next(history.batches(at, 100)))
    finally:
        os.kill(server.pid, signal.SIGCONT)
        target.close()
    go_on(settings, history)
    expect_all(settings, history)


def test_tls_with_a_ca_of_its_own(tmp_path: Path, history: History) -> None:
    if not program("openssl"):
        pytest.skip("openssl is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    server = wanted(redis).Redis(tmp_path / "redis")
    tls = ("--port", "0", "--tls-port", str(server.port), "--tls-auth-clients", "no")
    server.options = [*tls, "--tls-cert-file", str(cert), "--tls-key-file", str(key), "--tls-ca-cert-file", str(cert)]
    url = f"rediss://127.0.0.1:{server.port}/0"
    server.answers = lambda: _answers(url + f"?ssl_ca_certs={cert}")  # type: ignore[method-assign]
    server.start()
    try:
        settings = sink("tls", server.port, url=f"{url}?ssl_ca_certs={cert}")
        go_on(settings, history)
        expect_all(settings, history)
        with pytest.raises(TargetAway, match="[Cc]ertificate|CERTIFICATE"):
            opened(sink("tls", server.port, url=url), history.data)  # signed by nobody whom it knows
    finally:
        server.stop()


def _answers(url: str) -> bool:
    import redis as client

    try:
        with client.Redis.from_url(url) as connected:
            return bool(connected.ping())
    except client.RedisError:
        return False
