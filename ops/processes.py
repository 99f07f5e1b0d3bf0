"""Every process of the pipeline, in the order in which they start, and the order in which they stop.

A process is a module with `main(context) -> int`; where it has kernels it may have `warm()`, which the supervisor
calls once before the forks so that no process compiles anything.
"""

import importlib
import importlib.util
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from config.settings import SINK_PREFIX, SinkSettings
from consumers.replication.status import FEED_CURSOR

if TYPE_CHECKING:
    from config.context import Context


@dataclass(frozen=True)
class ProcessSpec:
    """One row of the table.

    stop_group: the groups stop one after another, from 0 up: first whoever puts commands in, then the engine, then
    the consumers (the publisher after the market data that it sends), then the journal, which all of them need, and
    last the standby feed, which sends the journal's end.
    cursor: the name of its cursor on the event ring, empty where it has none.
    standby: the process that goes on in its place when it ends, called by SIGUSR1; it is forked anew then.
    only_where: the settings' section that has to ask for it, empty where it always runs.
    called: what its main is given as `name`, where several rows have one main; empty where it is given none.
    packages: what it imports beyond the core's; where one is not installed, this version runs without the process.
    """

    name: str
    target: str  # module:function
    stop_group: int
    cursor: str = ""
    standby: str = ""
    only_where: str = ""
    called: str = ""
    packages: tuple[str, ...] = ()

    def module_name(self) -> str:
        """The module part of the target."""
        return self.target.partition(":")[0]

    def entry_point(self) -> "Callable[[Context], int]":
        """The imported main function."""
        module, _, function = self.target.partition(":")
        main = getattr(importlib.import_module(module), function)
        return partial(main, name=self.called) if self.called else main


WEB = ("aiohttp", "uvloop")
_GATEWAY = ProcessSpec(
    "gateway", "consumers.gateway.process:main", 0, cursor="gateway", only_where="gateway", packages=WEB
)

PROCESSES: tuple[ProcessSpec, ...] = (
    ProcessSpec("journal", "consumers.journal.process:main", 4, cursor="journal"),
    ProcessSpec("engine", "engine.process:main", 1, standby="replica"),
    ProcessSpec("replica", "engine.replica:main", 2, cursor="replica"),
    ProcessSpec("orders", "consumers.orders.process:main", 2, cursor="orders"),
    ProcessSpec("balances", "consumers.balances.process:main", 2, cursor="balances"),
    ProcessSpec("marketdata", "consumers.marketdata.process:main", 2, cursor="marketdata"),
    ProcessSpec("publisher", "consumers.publisher.process:main", 3, cursor="publisher"),
    ProcessSpec("settlement", "consumers.settlement.process:main", 2, cursor="settlement"),
    ProcessSpec("risk", "consumers.risk.process:main", 0, cursor="risk"),
    ProcessSpec("entry", "engine.entry.process:main", 0, cursor="entry"),
    ProcessSpec("entry-kafka", "engine.entry.from_kafka:main", 0, cursor="entry-kafka", only_where="kafka"),
    _GATEWAY,
    ProcessSpec("admin", "ops.admin.process:main", 0, cursor="admin", only_where="gateway", packages=WEB),
    ProcessSpec("standby-feed", "consumers.replication.feed:main", 5, cursor=FEED_CURSOR, only_where="standby"),
)


def present(specs: tuple[ProcessSpec, ...] = PROCESSES, wanted: Collection[str] = ()) -> tuple[ProcessSpec, ...]:
    """The rows of the table whose module and packages are there, and which run always or are `wanted`."""
    asked = (spec for spec in specs if not spec.only_where or spec.only_where in wanted)
    return tuple(spec for spec in asked if all(map(_is_there, (spec.module_name(), *spec.packages))))


def more_gateways(count: int) -> tuple[ProcessSpec, ...]:
    """One row for each gateway but the first, where `count` of them share its port."""
    names = (f"{_GATEWAY.name}-{number}" for number in range(2, count + 1))
    return tuple(replace(_GATEWAY, name=name, cursor=name, called=name) for name in names)


def sink_processes(sinks: Iterable[SinkSettings]) -> tuple[ProcessSpec, ...]:
    """One more row for each configured sink."""
    return tuple(
        ProcessSpec(
            SINK_PREFIX + sink.name, "consumers.sinks.process:main", 2, cursor=SINK_PREFIX + sink.name, called=sink.name
        )
        for sink in sinks
    )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def warm(spec: ProcessSpec) -> None:
    """Import a process's module and compile its kernels, in the supervisor, before any fork."""
    module = importlib.import_module(spec.module_name())
    compile_kernels = getattr(module, "warm", None)
    if compile_kernels is not None:
        compile_kernels()
