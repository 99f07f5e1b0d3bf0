"""DATA/run.json: what runs on a data directory, written by its supervisor alone, each time by rename.

Keys: name, epoch, profile, port_base, ports{entry, feed_json, feed_binary, replay, standby, …}, instruments, config,
settings, supervisor{pid, start}, state (standby, starting, running, stopping),
processes{name: {pid, start, state, restarts, why}}.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ringbuf.shm import is_alive

DEFAULT_NAME = "matchline"
PORTS = {
    "entry": 0,
    "feed_json": 1,
    "feed_binary": 2,
    "replay": 3,
    "standby": 4,
    "transfers": 5,
    "gateway": 10,
    "admin": 11,
    "metrics": 12,
}


@dataclass
class ProcessRow:
    """One supervised process as run.json shows it. start: clock ticks since boot; tells a reused pid apart."""

    pid: int = 0
    start: int = 0
    state: str = "down"  # starting, running, backing_off, stopping, stopped
    restarts: int = 0
    why: str = ""  # how it last ended, where that was not asked for

    def is_alive(self) -> bool:
        """Whether exactly this process still runs."""
        return is_alive(self.pid, self.start)


@dataclass
class RunFile:
    """The content of run.json."""

    name: str
    epoch: int
    profile: str
    port_base: int
    instruments: str
    config: str
    settings: dict[str, Any]
    supervisor: ProcessRow
    state: str = "starting"
    processes: dict[str, ProcessRow] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            **{key: value for key, value in vars(self).items() if key not in ("supervisor", "processes")},
            "ports": {port: self.port_base + offset for port, offset in PORTS.items()},
            "supervisor": {"pid": self.supervisor.pid, "start": self.supervisor.start},
            "processes": {name: vars(row) for name, row in self.processes.items()},
        }

    def write(self, data: Path) -> None:
        """Replace DATA/run.json in one rename: a reader sees the old or the new one, never a half."""
        temporary = data / f"run.json.{os.getpid()}"
        temporary.write_text(json.dumps(self.to_dict(), indent=1))
        temporary.replace(data / "run.json")


def read_run(data: Path) -> RunFile | None:
    """What run.json says, or None where there is none. It may be left by a dead run: see `live_run`."""
    try:
        found = json.loads((data / "run.json").read_text())
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise ConfigError("run.json", f"must be the JSON that `up` wrote, but {error}") from error
    found.pop("ports")
    supervisor = ProcessRow(**found.pop("supervisor"))
    processes = {name: ProcessRow(**row) for name, row in found.pop("processes").items()}
    return RunFile(**found, supervisor=supervisor, processes=processes)


def live_run(data: Path) -> RunFile | None:
    """The pipeline that runs on this data directory, or None where no supervisor is alive."""
    run = read_run(data)
    return run if run is not None and run.supervisor.is_alive() else None


def require_run(data: Path) -> RunFile:
    """The running pipeline of a data directory; ConfigError where there is none."""
    run = live_run(data)
    if run is None:
        raise ConfigError("--data", f"no pipeline is running on {data}: start one with `./run.sh up`")
    return run


def page_address(run: dict[str, Any]) -> str:
    """Where the trading page is, by run.json's content; "" where no gateway runs."""
    if "gateway" not in run["processes"]:
        return ""
    host = run["settings"]["gateway"]["host"].strip("[]")
    scheme = "https" if run["settings"]["gateway"]["tls_certificate"] else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{run['ports']['gateway']}/"


def checked_name(name: str | None) -> str:
    """A usable name of shared memory; ConfigError otherwise."""
    if name is None:
        return DEFAULT_NAME
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise ConfigError("--name", f"expected 1 to 64 letters, digits, - or _, not {name!r}")
    return name
