"""From configuration to a running pipeline: locks, history, shared memory, supervisor."""

import dataclasses
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from config.context import Context
from config.errors import ConfigError
from config.instruments import load_instruments
from config.settings import Settings, load
from consumers.journal.format import JournalError
from ops.cpus import cores_for
from ops.locks import lock_data, lock_name
from ops.memory import SharedMemory
from ops.output import say
from ops.processes import PROCESSES, ProcessSpec, present
from ops.run_file import PORTS, ProcessRow, RunFile, live_run
from ops.supervisor import StartFailed, Supervisor
from ringbuf.shm import SegmentError, process_start

USED_PORTS = ("entry", "feed_json", "feed_binary", "replay")
PORTS_WAIT_S = 1.0  # a process that just ended may hold a port a moment longer than its lock
ORPHANS_WAIT_S = 30.0  # a killed supervisor's children drain before they let go of the locks


def start(
    name: str,
    data: Path,
    profile: str,
    config: Path | None,
    instruments: Path,
    port_base: int | None,
    ready: Callable[[dict[str, Any]], None],
    processes: Sequence[ProcessSpec] | None = None,
) -> int:
    """Run a pipeline until it is told to stop; `ready` gets run.json's content when all processes work.

    Raises ConfigError for what the user gave, StartFailed for what did not start. Returns 0 after a clean stop.
    """
    processes = present() if processes is None else processes
    missing = [spec.name for spec in PROCESSES if spec not in processes]
    if missing:
        say(f"without {', '.join(missing)}")
    settings = load(profile, config)
    refuse_what_is_missing(settings)
    catalog = load_instruments(instruments)
    base = checked_port_base(settings.ports.base if port_base is None else port_base)
    data.mkdir(parents=True, exist_ok=True)
    data_lock = lock_data(data, _patience_s(data))
    name_lock = lock_name(name, 0.5)
    try:
        refuse_used_ports(settings.ports.host, base)
        memory = SharedMemory.open(name, data, settings)
        context = Context(
            name=name, data=data, port_base=base, settings=settings, epoch=memory.epoch, instruments=catalog
        )
        run_file = RunFile(
            name=name,
            epoch=memory.epoch,
            profile=profile,
            port_base=base,
            instruments=str(instruments.resolve()),
            config=str(config.resolve()) if config else "",
            settings=dataclasses.asdict(settings),
            supervisor=ProcessRow(pid=os.getpid(), start=process_start(os.getpid())),
        )
        names = [spec.name for spec in processes]
        cores = cores_for(names, settings.engine.pin)
        return Supervisor(processes, context, run_file, memory, cores).run(lambda: ready(run_file.to_dict()))
    except (SegmentError, JournalError) as error:
        raise StartFailed(str(error)) from error
    finally:
        name_lock.close()
        os.close(data_lock)


def refuse_what_is_missing(settings: Settings) -> None:
    """ConfigError for what can be written down but not done by this version: silence would look like consent."""
    if settings.sinks:
        raise ConfigError("sink", "this version feeds no outside stores: remove the [[sink]] tables")
    from config.curve import needs_curve  # it loads zmq, which most verbs have no need of

    if needs_curve(settings.ports.host):
        raise ConfigError(
            "ports.host", f"expected loopback: this version has no CURVE keys to serve {settings.ports.host!r} with"
        )


def refuse_used_ports(host: str, base: int) -> None:
    """ConfigError where another program listens on a port that this run needs."""
    deadline = time.monotonic() + PORTS_WAIT_S
    for name in USED_PORTS:
        port = base + PORTS[name]
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        while not _is_free(socket.socket(family, kind, protocol), address):
            if time.monotonic() >= deadline:
                raise ConfigError("--port-base", f"port {port} ({name}) is in use by another program: choose another")
            time.sleep(0.05)


def _is_free(probe: socket.socket, address: Any) -> bool:
    with probe:
        # As ZeroMQ binds: what closed connections of an earlier run left does not count as use.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
        return True


def checked_port_base(base: int) -> int:
    """A port base with room for every port; ConfigError otherwise."""
    highest = 65535 - max(PORTS.values())
    if not 1024 <= base <= highest:
        raise ConfigError("--port-base", f"expected 1024 to {highest}, not {base}")
    return base


def _patience_s(data: Path) -> float:
    """How long to wait for the data directory: long only where its supervisor was killed and orphans drain."""
    return 0.5 if live_run(data) is not None else ORPHANS_WAIT_S
