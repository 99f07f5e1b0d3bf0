"""Each real server: answers, keeps what it confirmed over kill -9, and leaves no process behind."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.all import SERVERS
from tests.servers.base import Server, ServerFailed, descendants, free_port, running, wait_until
from tests.servers.rows import GET, PUT


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    module = SERVERS[request.param]
    if why := module.missing():
        pytest.skip(why)
    started = module.start(tmp_path_factory.mktemp(request.param))
    try:
        yield started
    finally:
        started.stop()


def test_a_row_outlives_kill_and_restart_and_stop(server: Server) -> None:
    put, get = PUT[server.name], GET[server.name]
    port = server.port
    put(server, 1)
    family = {server.pid} | descendants(server.pid)
    server.kill()
    assert not family & running().keys()
    server.restart()
    assert server.port == port
    assert server.pid not in family
    assert get(server) == [1]

    put(server, 2)
    family = {server.pid} | descendants(server.pid)
    server.stop()
    assert not family & running().keys()
    server.restart()
    assert get(server) == [1, 2]


def test_its_data_is_in_the_folder_it_was_given(server: Server) -> None:
    assert any(path.is_file() and path.stat().st_size for path in server.data.rglob("*"))


def test_it_listens_on_loopback_only(server: Server) -> None:
    sockets = set()
    for pid in {server.pid} | descendants(server.pid):
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                sockets.add(os.readlink(handle))
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and f"socket:[{line.split()[9]}]" in sockets
    ]
    assert any(address.endswith(f":{server.port:04X}") for address in listening)
    loopback = ("0100007F:", "0000000000000000FFFF00000100007F:", "0" * 24 + "01000000:")
    assert all(address.startswith(loopback) for address in listening), listening


def test_a_server_that_ends_by_itself_is_named_with_its_log(tmp_path: Path) -> None:
    class Broken(Server):
        name = "broken"
        url = ""

        def command(self) -> list[str]:
            return ["sh", "-c", "echo no such thing; exit 3"]

        def connect(self) -> None:
            """Nobody does."""

        def answers(self) -> bool:
            return False

    with pytest.raises(ServerFailed, match=r"(?s)broken ended by itself with 3.*no such thing"):
        Broken(tmp_path).start()


SLEEPER = """
import sys, time
from pathlib import Path
from tests.servers.base import Server

class Sleeper(Server):
    name = url = "sleeper"
    def command(self): return ["sleep", "600"]
    def connect(self): return None
    def answers(self): return True

print(Sleeper(Path(sys.argv[1])).start().pid, flush=True)
time.sleep(600)
"""


def test_a_server_dies_with_the_test_run_that_started_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER, tmp_path], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert pid in running()
        starter.kill()
    wait_until(lambda: pid not in running(), 10, lambda: "the server outlived it")


def test_ports_are_below_those_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port() < first for _ in range(100))
