"""`up --shards N`: a supervisor whose processes are N pipelines, each with a supervisor of its own, and the outside.

Everything is loaded and compiled once, here, and every process of every shard is forked from that image in the end.
What holds for a pipeline's processes holds for whole pipelines: one that ends is started again, with growing pauses,
and brings its history along; when the supervisor dies, they drain and stop; `down` stops the entry first and the feed
last.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from config.context import Context
from config.errors import ConfigError
from config.settings import Settings
from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from ops import signals
from ops.compiling import compile_kernels
from ops.output import say
from ops.pipeline import Plan, plan_for, refuse_other_roles, refuse_used_ports, serve
from ops.processes import ProcessSpec
from ops.run_file import PORTS, live_run
from ops.shards.beat import read_beat
from ops.shards.layout import PLACEHOLDER, PORT_STEP, Shards, instruments_of, name_of, open_shards, port_base_of
from ops.supervisor import SIGNALS, StartFailed, Supervisor, load_processes
from ringbuf.ring import Ring
from ringbuf.shm import SegmentError


@dataclass(frozen=True)
class ShardsContext(Context):
    """What the processes of the outside are given: name, data and ports are those of all shards together."""

    shards: Shards
    plan: Plan


@dataclass(frozen=True)
class ShardSpec(ProcessSpec):
    """A whole pipeline as a process."""

    shard: int = 0

    def entry_point(self) -> Callable[[Any], int]:
        """`serve_shard` of this one."""
        return partial(serve_shard, shard=self.shard)


# In front of the shards. Stop groups: what puts commands in, then the shards (1), then what still tells of their end.
OUTSIDE: tuple[ProcessSpec, ...] = (
    ProcessSpec("transfers", "ops.shards.transfers:main", 0),
    ProcessSpec("entry", "ops.shards.entry:main", 0),
    ProcessSpec("feed", "ops.shards.feed:main", 2),
)


def start(
    name: str,
    data: Path,
    profile: str,
    config: Path | None,
    instruments: Path,
    port_base: int | None,
    wanted: int | None,
    ready: Callable[[dict[str, Any]], None],
    outside: Sequence[ProcessSpec] = OUTSIDE,
) -> int:
    """As ops.pipeline.start, for `wanted` shards (None: as many as there are)."""
    plan = plan_for(name, data, profile, config, instruments, port_base)
    data.mkdir(parents=True, exist_ok=True)
    with plan.locked():
        shards = open_shards(data, wanted)
        refuse_what_all_would_share(plan.settings)
        refuse_what_forgets(plan.settings)
        refuse_keys(plan.settings)
        refuse_too_few_ports(plan.port_base, shards.count)
        refuse_used_ports(plan)
        specs = [ShardSpec(name_of("shard", k), "ops.shards.run:serve_shard", 1, shard=k) for k in range(shards.count)]
        try:
            with signals.blocked(SIGNALS):
                load = [*plan.processes(), *outside]
                compile_kernels(load, say)
                load_processes(load)
                context = ShardsContext(
                    plan.name, data, plan.port_base, plan.settings, shards.epoch, plan.catalog, shards, plan
                )
                run_file = plan.run_file(shards.epoch)
                cores = _cores(plan.settings, shards, [spec.name for spec in outside])
                every = (*specs, *outside)
                return Supervisor(every, context, run_file, Pipelines(context), cores).run(
                    lambda: ready(run_file.to_dict())
                )
        except (SegmentError, JournalError) as error:
            raise StartFailed(str(error)) from error


def serve_shard(context: ShardsContext, shard: int) -> int:
    """The life of one shard: a pipeline in its own directory; the exit code."""
    try:
        plan = plan_of(context, shard)
        with plan.locked():
            refuse_other_epoch(plan.data, context.epoch)
            refuse_other_roles(plan)
            refuse_used_ports(plan)
            return serve(plan, lambda run: say(f"shard {shard} is ready"), epoch=context.epoch)
    except (StartFailed, ConfigError) as error:
        say(str(error))
        return 1


def plan_of(context: ShardsContext, shard: int) -> Plan:
    """The plan of one shard: its own directory, name, ports, instruments, and places outside."""
    plan = context.plan
    base = port_base_of(plan.port_base, shard)
    settings = _filled(replace(plan.settings, ports=replace(plan.settings.ports, base=base)), shard)
    return replace(
        plan,
        name=name_of(plan.name, shard),
        data=context.shards.folder(shard),
        port_base=base,
        settings=settings,
        catalog=instruments_of(plan.catalog, context.shards, shard),
    )


def _places(settings: Settings) -> Iterator[tuple[str, str]]:
    """(name, value) of each setting that says where something outside of DATA is."""
    yield "entry.kafka", settings.entry.kafka
    yield "journal.archive", settings.journal.archive
    for number, sink in enumerate(settings.sinks):
        yield f"sink[{number}].url", sink.url


def refuse_what_all_would_share(settings: Settings) -> None:
    """ConfigError where every shard would write into, or read from, one and the same place."""
    for name, value in _places(settings):
        if value and PLACEHOLDER not in value:
            raise ConfigError(
                name, f"expected {PLACEHOLDER} in it, where each shard's number stands: they share no place"
            )


def refuse_what_forgets(settings: Settings) -> None:
    """ConfigError where a shard could forget what a transfer relies on."""
    if settings.engine.durability == "memory":
        raise ConfigError("engine.durability", "expected journal or fsync with shards: transfers rely on what was told")
    if settings.journal.behind_snapshots == "remove":
        raise ConfigError("journal.behind_snapshots", "expected keep or archive with shards: transfers are compared")


def refuse_keys(settings: Settings) -> None:
    """ConfigError where order entry would have to ask for keys: the one entry of all shards knows none yet."""
    if settings.entry.keys:
        raise ConfigError("entry.keys", "expected false with shards: their one order entry asks for no keys yet")


def _filled(settings: Settings, shard: int) -> Settings:
    """The settings with the shard's number in its places."""

    def own(value: str) -> str:
        return value.replace(PLACEHOLDER, str(shard))

    return replace(
        settings,
        entry=replace(settings.entry, kafka=own(settings.entry.kafka)),
        journal=replace(settings.journal, archive=own(settings.journal.archive)),
        sinks=tuple(replace(sink, url=own(sink.url)) for sink in settings.sinks),
    )


def refuse_too_few_ports(port_base: int, count: int) -> None:
    """ConfigError where the shards' ports would not fit above the base."""
    if port_base + PORT_STEP * count + max(PORTS.values()) > 65535:
        raise ConfigError("--port-base", f"expected room for {PORT_STEP * (count + 1)} ports above it, not {port_base}")


def refuse_other_epoch(data: Path, epoch: int) -> None:
    """StartFailed where a shard's history is not part of that of the others."""
    with JournalReader(data) as journal:
        if journal.epoch not in (0, epoch):
            raise StartFailed(f"{data}: its history is of epoch {journal.epoch}, the other shards' of {epoch}")


def _cores(settings: Settings, shards: Shards, outside: list[str]) -> dict[str, set[int]]:
    """The cores of each: where engines are pinned, shard K has one that no other has (its highest), and the rest."""
    allowed = sorted(os.sched_getaffinity(0))
    names = [name_of("shard", shard) for shard in range(shards.count)]
    if not settings.engine.pin or len(allowed) <= shards.count:
        if settings.engine.pin:
            say(f"engines are not pinned: {shards.count} of them need more than {len(allowed)} cores")
        return {name: set(allowed) for name in (*names, *outside)}
    rest, own = set(allowed[: -shards.count]), allowed[-shards.count :]
    return {name: rest | {core} for name, core in zip(names, own, strict=True)} | dict.fromkeys(outside, rest)


class Pipelines:
    """The shards, and the processes before them, as the supervisor sees them (its `Memory`)."""

    def __init__(self, context: ShardsContext) -> None:
        self._context = context

    def is_ready(self, spec: ProcessSpec, pid: int) -> bool:
        """A shard: its own supervisor says `running`. Others: by their beat."""
        if isinstance(spec, ShardSpec):
            run = live_run(self._context.shards.folder(spec.shard))
            return run is not None and run.supervisor.pid == pid and run.state == "running"
        return read_beat(self._context.data, spec.name)[0] == pid

    def silent_s(self, spec: ProcessSpec) -> float:
        """By the beat; a shard looks after its processes itself."""
        if isinstance(spec, ShardSpec):
            return 0.0
        at_ns = read_beat(self._context.data, spec.name)[1]
        return (time.monotonic_ns() - at_ns) / 1e9 if at_ns else 0.0

    def progress(self) -> dict[str, int]:
        """Every shard's cursors, and how many of its processes are left."""
        found: dict[str, int] = {}
        for shard, folder in enumerate(self._context.shards.folders):
            run = live_run(folder)
            found[f"{shard}/alive"] = 0 if run is None else sum(row.is_alive() for row in run.processes.values())
            try:
                ring = Ring.attach(f"/{name_of(self._context.name, shard)}.events", "event")
            except SegmentError:
                continue
            found |= {f"{shard}/{cursor.name}": cursor.sequence for cursor in ring.cursors()}
            ring.close()
        return found

    def finish(self) -> str:
        """Nothing of its own is left: each shard has seen to what it had."""
        return ""
