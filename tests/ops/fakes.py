"""Small real processes for the supervisor's tests. They tell what they do by files in DATA, and obey SIGTERM."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from config.settings import Settings
from ops.processes import ProcessSpec


@dataclass(frozen=True)
class FakeContext:
    """As much of a context as these processes use."""

    data: Path
    settings: Settings = field(default_factory=Settings)


class FileMemory:
    """In place of shared memory: a process is ready when DATA/NAME.ready holds its pid."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.finished = False

    def is_ready(self, spec: ProcessSpec, pid: int) -> bool:
        path = self.data / f"{spec.name}.ready"
        return path.exists() and path.read_text() == str(pid)

    def silent_s(self, spec: ProcessSpec) -> float:
        path = self.data / f"{spec.name}.silent"
        return float(path.read_text()) if path.exists() else 0.0

    def progress(self) -> dict[str, int]:
        return {}

    def finish(self) -> str:
        self.finished = True
        (self.data / "finished").touch()
        return ""


def _serve(context: FakeContext, name: str) -> int:
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))
    ready = context.data / f"{name}.writing"
    ready.write_text(str(os.getpid()))
    ready.rename(context.data / f"{name}.ready")
    while not stop:
        time.sleep(0.005)
    with (context.data / "order").open("a") as file:
        file.write(f"{name}\n")
    return 0


def first(context: FakeContext) -> int:
    """Stops first."""
    return _serve(context, "first")


def middle(context: FakeContext) -> int:
    """Stops after `first`."""
    return _serve(context, "middle")


def last(context: FakeContext) -> int:
    """Stops after `middle`."""
    return _serve(context, "last")


def broken(context: FakeContext) -> int:
    """Never comes up."""
    raise ValueError("the port is taken")


TABLE = (
    ProcessSpec("last", "tests.ops.fakes:last", 2),
    ProcessSpec("middle", "tests.ops.fakes:middle", 1),
    ProcessSpec("first", "tests.ops.fakes:first", 0),
)
BROKEN = (*TABLE, ProcessSpec("broken", "tests.ops.fakes:broken", 0))
