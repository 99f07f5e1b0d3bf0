"""What all servers share: one process that is started, killed, started again on the same data, and stopped."""

import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

HOST = "127.0.0.1"
READY_S = 120.0  # a busy machine: a start of Kafka takes ten seconds of processor time
GONE_S = 20.0


class ServerFailed(RuntimeError):
    """A server ended by itself, never answered, or would not end; says the last lines of its log."""


class Server(ABC):
    """One private server; its data, log and settings are below `folder`, and a restart keeps port and data.

    A server dies with the *thread* that started it, so that none outlives a test run that is killed.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.options = list(options)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    # What a server says of itself

    @property
    @abstractmethod
    def url(self) -> str:
        """As `[[sink]] url` takes it."""

    def prepare(self) -> None:
        """Make what must be there before the first start. Some need nothing."""
        return

    @abstractmethod
    def command(self) -> list[str]:
        """The command that runs it in the foreground."""

    @abstractmethod
    def connect(self) -> Any:
        """A new connection of its usual client; the caller closes it."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it carries out a real request: an open port is not enough."""

    def privileges(self) -> list[str]:
        """Options of setpriv that it runs under."""
        return []

    # What a test does with it

    @property
    def pid(self) -> int:
        """The main process."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself; then it may be started again."""
        if self._process is None or self._process.poll() is None:
            return False
        self._process = None
        return True

    def start(self) -> Self:
        """Prepare at the first start, run, and wait for its first answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.data.exists():
            self.data.mkdir()
            self.prepare()
        self.restart()
        return self

    def restart(self) -> None:
        """Run on the data and port it had; ready when this returns."""
        assert self._process is None, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.privileges(), "--", *self.command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at a test run is not for the server
            )
        try:
            wait_until(self._ready, READY_S, self._complaint("does not answer"))
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL to the main process; returns when its children have noticed, too."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it end in order; no process of it is left. Nothing to do where it does not run."""
        if self._process is None:
            return
        code = self._end(self.stop_signal)
        if code == -signal.SIGKILL:
            raise ServerFailed(self._complaint("did not stop when asked to")())

    def run_tool(self, *command: str, stdin: str = "") -> None:
        """Run one of the server's own tools to its end, under the server's privileges."""
        done = subprocess.run(
            ["setpriv", *self.privileges(), "--", *command],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=READY_S,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise ServerFailed(self._complaint(f"ended by itself with {self._process.returncode}")())
        return self.answers()

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None, f"{self.name} is not running"
        process, self._process = self._process, None
        family = descendants(process.pid)
        process.send_signal(how)  # not sent where it was reaped already: the pid may be another's
        try:
            process.wait(GONE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # A new server on the same data is refused as long as a child of the old one is there (PostgreSQL).
        deadline = time.monotonic() + GONE_S
        while alive := family & running().keys():
            if time.monotonic() > deadline:
                for pid in alive:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        return process.returncode

    def _complaint(self, what: str) -> Callable[[], str]:
        return lambda: f"{self.name} {what}: {self.log.read_text(errors='replace')[-2000:]}"


def wait_until(condition: Callable[[], bool], seconds: float, complaint: Callable[[], str]) -> None:
    """Ask again and again until it is so; `ServerFailed` with the complaint when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ServerFailed(complaint())
        time.sleep(0.02)


def free_port() -> int:
    """A free port *below* those that the kernel gives to outgoing connections.

    A client that keeps trying while the server is down could otherwise be given the server's own port, connect to
    itself, and keep the server from coming back.
    """
    first_of_kernel = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(min(10_000, first_of_kernel // 2), first_of_kernel)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def running() -> dict[int, int]:
    """Parent by process, of all that run; one that has ended and was not reaped yet does not."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            parents[int(stat.parent.name)] = int(parent)
    return parents


def descendants(pid: int) -> set[int]:
    """Children, their children, and so on."""
    parents = running()
    found: set[int] = set()
    newest = {pid}
    while newest:
        newest = {child for child, parent in parents.items() if parent in newest} - found
        found |= newest
    return found
