"""Where a demo runs: a name, ports and an empty data directory that nobody else uses."""

import fcntl
import os
import shutil
import socket
from pathlib import Path

from config.errors import ConfigError
from ops.demo.drive import Pipeline
from ops.locks import lock_name
from ops.output import say
from ops.run_file import DEFAULT_NAME, PORTS, checked_name, live_run

DEFAULT_PORT_BASE = 5550
PORT_STEP = 100
PORT_BASES = 50
# What a pipeline's data directory may hold: nothing else is ever deleted.
OWN = frozenset(
    (
        "admin",
        "commits",
        "entry-guarded.json",
        "gateway",
        "journal",
        "lock",
        "logs",
        "reports",
        "run.json",
        "snapshots",
        "stores",
    )
)


def free_name(wanted: str | None) -> str:
    """The name asked for, or the first of matchline, matchline-demo, matchline-demo-2 … that nobody uses."""
    if wanted is not None:
        return checked_name(wanted)
    names = [DEFAULT_NAME, f"{DEFAULT_NAME}-demo", *(f"{DEFAULT_NAME}-demo-{number}" for number in range(2, 20))]
    for name in names:
        try:
            lock_name(name, 0.0).close()
        except ConfigError:
            continue
        return name
    raise ConfigError("--name", f"{names[0]} to {names[-1]} are all in use: choose one")


def free_port_base(wanted: int | None) -> int:
    """The base asked for, or the first from 5550 on whose ports are all free just now."""
    if wanted is not None:
        return wanted
    bases = range(DEFAULT_PORT_BASE, DEFAULT_PORT_BASE + PORT_STEP * PORT_BASES, PORT_STEP)
    found = next((base for base in bases if all(_is_free(base + offset) for offset in PORTS.values())), None)
    if found is None:
        raise ConfigError("--port-base", f"no free ports from {bases[0]} to {bases[-1]}: choose a base")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def only_demo_of(data: Path) -> int:
    """Hold DATA.lock as long as this demo runs: its descriptor. ConfigError where another demo has it."""
    data.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data.with_name(f"{data.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigError("--data", f"another demo is running on {data}: choose another directory") from None
    return descriptor


def clear(data: Path) -> None:
    """Make `data` an empty directory for a new history; what an earlier demo left there is deleted.

    A pipeline that it left running (`--keep`) is stopped first. ConfigError where something else lies there.
    """
    if (run := live_run(data)) is not None:
        say(f"the pipeline that an earlier demo left running on {data} is stopped first")
        Pipeline(data, run.name, run.port_base).stop()
    if data.exists():
        foreign = sorted(path.name for path in data.iterdir() if path.name.partition(".aside")[0] not in OWN)
        if foreign:
            raise ConfigError("--data", f"{data} holds what is no demo's ({foreign[0]}): choose another directory")
        shutil.rmtree(data)
    data.mkdir(parents=True)
