"""From configuration to a running pipeline: locks, history, shared memory, supervisor."""

import dataclasses
import importlib.util
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.catalog import Catalog
from config.context import Context
from config.errors import ConfigError
from config.instruments import load_instruments
from config.settings import Settings, load
from consumers.journal.format import JournalError
from consumers.journal.prune import prepare
from consumers.replication.term import DEPOSED, MIRROR, STANDBY, TermError, read_term
from consumers.sinks.configured import remember
from ops import signals
from ops.compiling import compile_kernels
from ops.cpus import cores_for
from ops.locks import lock_data, lock_name
from ops.memory import SharedMemory
from ops.output import say
from ops.processes import PROCESSES, ProcessSpec, more_gateways, present, sink_processes
from ops.run_file import PORTS, ProcessRow, RunFile, live_run
from ops.supervisor import SIGNALS, StartFailed, Supervisor, load_processes
from ringbuf.shm import SegmentError, process_start

USED_PORTS = ("entry", "feed_json", "feed_binary", "replay")
PORTS_WAIT_S = 1.0  # a process that just ended may hold a port a moment longer than its lock
LOCK_WAIT_S = 0.5
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
    plan = plan_for(name, data, profile, config, instruments, port_base)
    with plan.locked():
        refuse_other_roles(plan)
        refuse_used_ports(plan)
        return serve(plan, ready, processes)


@dataclass(frozen=True)
class Plan:
    """What a run was asked to be, checked."""

    name: str
    data: Path
    profile: str
    config: Path | None
    instruments: Path
    port_base: int
    settings: Settings
    catalog: Catalog

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the data directory and the name. ConfigError where another run has them."""
        self.data.mkdir(parents=True, exist_ok=True)
        data_lock = _lock(self.data)
        try:
            name_lock = lock_name(self.name, 0.5)
            try:
                yield
            finally:
                name_lock.close()
        finally:
            os.close(data_lock)

    def run_file(self, epoch: int) -> RunFile:
        """run.json of this run, its supervisor this process."""
        return RunFile(
            name=self.name,
            epoch=epoch,
            profile=self.profile,
            port_base=self.port_base,
            instruments=str(self.instruments.resolve()),
            config=str(self.config.resolve()) if self.config else "",
            settings=dataclasses.asdict(self.told_settings()),
            supervisor=ProcessRow(pid=os.getpid(), start=process_start(os.getpid())),
        )

    def told_settings(self) -> Settings:
        """The settings but for the URLs that may hold passwords."""
        return dataclasses.replace(self.settings, sinks=(), entry=dataclasses.replace(self.settings.entry, kafka=""))

    def processes(self) -> tuple[ProcessSpec, ...]:
        """Every process that it has."""
        is_wanted = self.settings.standby.host or read_term(self.data).where
        wanted = ["standby"] if is_wanted else []
        wanted += ["kafka"] if self.settings.entry.kafka else []
        wanted += ["gateway"] if self.settings.gateway.run else []
        specs = PROCESSES + more_gateways(self.settings.gateway.processes)
        return present(specs, wanted) + sink_processes(self.settings.sinks)


def plan_for(
    name: str, data: Path, profile: str, config: Path | None, instruments: Path, port_base: int | None
) -> Plan:
    """Load and check what the user gave. Raises ConfigError."""
    settings = load(profile, config)
    refuse_what_is_missing(settings)
    base = checked_port_base(settings.ports.base if port_base is None else port_base)
    return Plan(name, data, profile, config, instruments, base, settings, load_instruments(instruments))


def serve(
    plan: Plan,
    ready: Callable[[dict[str, Any]], None],
    processes: Sequence[ProcessSpec] | None = None,
    epoch: int = 0,
) -> int:
    """Run the pipeline until it is told to stop; the plan's locks are held. As `start`, and 1 where it was deposed.

    epoch: of a history that begins now, 0 = as the clock says.
    """
    try:
        wanted = plan.processes()
        specs = wanted if processes is None else processes
        missing = [spec.name for spec in wanted if spec not in specs]
        if missing:
            say(f"without {', '.join(missing)}")
        prepare(plan.data, plan.settings.journal.behind_snapshots, plan.settings.journal.archive)
        remember(plan.data, plan.settings.sinks)
        with signals.blocked(SIGNALS):  # what comes from here on is heard by the supervisor
            compile_kernels(specs, say)
            memory = SharedMemory.open(plan.name, plan.data, plan.settings, lambda: load_processes(specs), epoch)
            context = Context(plan.name, plan.data, plan.port_base, plan.settings, memory.epoch, plan.catalog)
            run_file = plan.run_file(memory.epoch)
            cores = cores_for([spec.name for spec in specs], plan.settings.engine.pin)
            code = Supervisor(specs, context, run_file, memory, cores).run(lambda: ready(run_file.to_dict()))
        term = read_term(plan.data)
    except (SegmentError, JournalError, TermError) as error:
        raise StartFailed(str(error)) from error
    if term.role == DEPOSED:
        say(term.deposed_by())
        return 1
    return code


def refuse_other_roles(plan: Plan) -> None:
    """StartFailed where this directory is not the primary of its history; ConfigError where a follower may be it."""
    try:
        term = read_term(plan.data)
    except TermError as error:
        raise StartFailed(str(error)) from error
    if term.role == DEPOSED:
        raise StartFailed(f"{term.deposed_by()}: `standby` makes this directory its follower")
    if term.role == STANDBY:
        raise StartFailed(f"this directory follows {term.where}: `standby` goes on with that, `promote` ends it")
    if term.role == MIRROR:
        raise StartFailed(f"this directory mirrors {term.where}: `mirror` goes on with that")
    if term.follower and not plan.settings.standby.required:
        raise ConfigError(
            "standby.required",
            f"expected true: follower {term.follower} was told so, and may take over unasked; "
            "stop it and say `standby --forget` first",
        )


def refuse_what_is_missing(settings: Settings) -> None:
    """ConfigError for what can be written down but not done by this version: silence would look like consent."""
    if settings.entry.kafka:
        from engine.entry.from_kafka import place_of

        place_of(settings.entry.kafka)
        if importlib.util.find_spec("confluent_kafka") is None:
            raise ConfigError("entry.kafka", "needs the package confluent-kafka: pip install 'matchline[sinks]'")
    if settings.sinks:
        from consumers.sinks.kinds import check_sinks  # it loads the clients

        check_sinks(settings.sinks)
    from config.curve import needs_curve  # it loads zmq, which most verbs have no need of

    if needs_curve(settings.ports.host) and not settings.entry.keys:
        raise ConfigError("entry.keys", f"expected true where ports.host is not loopback but {settings.ports.host!r}")
    if settings.gateway.demo and needs_curve(settings.gateway.host):
        raise ConfigError(
            "gateway.demo", f"expected false where gateway.host is {settings.gateway.host!r}: not loopback"
        )
    if settings.gateway.tls_certificate:
        from config.tls import server_tls

        server_tls(settings.gateway)
    elif needs_curve(settings.gateway.host):
        raise ConfigError(
            "gateway.tls_certificate",
            f"expected a PEM file where gateway.host is {settings.gateway.host!r}: not loopback",
        )


def refuse_used_ports(plan: Plan) -> None:
    """ConfigError where another program listens on a port that this run needs."""
    deadline = time.monotonic() + PORTS_WAIT_S
    hosts = dict.fromkeys(USED_PORTS, plan.settings.ports.host)
    if any(spec.name == "gateway" for spec in plan.processes()):
        hosts["gateway"] = plan.settings.gateway.host
    if any(spec.name == "admin" for spec in plan.processes()):
        hosts["admin"] = "127.0.0.1"
    if plan.settings.standby.host:
        hosts["standby"] = plan.settings.standby.host
    for name, host in hosts.items():
        port = plan.port_base + PORTS[name]
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


def _lock(data: Path) -> int:
    """Hold the data directory: waited for long only where its supervisor was killed, while orphans drain."""
    try:
        return lock_data(data, LOCK_WAIT_S)
    except ConfigError:
        if live_run(data) is not None:  # asked only now: one that was killed just before takes a moment to be dead
            raise
    return lock_data(data, ORPHANS_WAIT_S)
