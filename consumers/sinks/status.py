"""How a sink fares, in `DATA/sinks/NAME.json`: for `status`, and for who must know how far it is while it is away."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

WRITE_NS = 500_000_000  # while nothing happens but progress
FOLDER = "sinks"


@dataclass
class SinkStatus:
    """One sink's counters since its first start.

    seq: at least so far its store has come. errors: attempts that failed; retries: how often in a row since the last
    that did not. dead_letters: events in `DATA/sinks/NAME.dead.jsonl`, which the store will not take.
    """

    seq: int = 0
    state: str = "connecting"  # connecting, writing, away (it is tried again), refused (an operator must act)
    errors: int = 0
    retries: int = 0
    dead_letters: int = 0
    why: str = ""  # the last error
    since_ns: int = 0  # of the state


class StatusFile:
    """The file, written by the sink's process alone."""

    def __init__(self, data: Path, name: str) -> None:
        self._path = status_path(data, name)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.status = read_status(data, name)
        self._written_ns = 0
        self._behind = False  # the file, of what is known

    def turn(self, state: str, why: str = "") -> None:
        """Another state, or the same once more with another reason."""
        status = self.status
        if state in ("away", "refused"):
            status.errors += 1
            status.retries += 1
            status.why = why
        elif state == "writing":
            status.retries = 0
        if state != status.state:
            status.state, status.since_ns = state, time.time_ns()
        self._write()

    def progress(self, seq: int) -> None:
        """The store has come so far; written now and then."""
        self.status.seq = seq
        self._behind = True
        self.catch_up()

    def catch_up(self) -> None:
        """Write progress that is not written yet, when it is time: asked for while nothing happens, too."""
        if self._behind and time.monotonic_ns() - self._written_ns >= WRITE_NS:
            self._write()

    def dead(self, line: bytes) -> None:
        """Put one event aside (a line of JSON), safe on the disk, before the cursor passes it."""
        with dead_path(self._path).open("ab", buffering=0) as file:
            file.write(line)
        self.status.dead_letters += 1
        self._write()

    def flush(self) -> None:
        """Write what is known now."""
        self._write()

    def _write(self) -> None:
        unready = self._path.with_suffix(".next")
        unready.write_bytes(orjson.dumps(asdict(self.status), option=orjson.OPT_APPEND_NEWLINE))
        unready.replace(self._path)
        self._written_ns = time.monotonic_ns()
        self._behind = False


def status_path(data: Path, name: str) -> Path:
    """Where the sink `name` (without `sink-`) keeps its status."""
    return Path(data) / FOLDER / f"{name}.json"


def dead_path(status: Path) -> Path:
    """The dead letters beside a status file."""
    return status.with_suffix(".dead.jsonl")


def read_status(data: Path, name: str) -> SinkStatus:
    """As last written; the beginning's where there is none, or where it can't be read."""
    try:
        found = orjson.loads(status_path(data, name).read_bytes())
        return SinkStatus(**found)
    except (OSError, orjson.JSONDecodeError, TypeError):
        return SinkStatus()
