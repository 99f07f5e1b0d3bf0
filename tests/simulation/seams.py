"""Where the simulated world is put into the product's modules. Nothing in the product knows of it."""

import logging
import pathlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

import client.python.lane_client
import consumers.journal.listings
import consumers.journal.packed
import consumers.journal.repair
import consumers.journal.writer
import consumers.runtime
import consumers.settlement.process
import consumers.store
import engine.process
import engine.replica
import engine.snapshot
import engine.snapshots
import ops.leftover
import ops.memory
import ringbuf.cursor
import ringbuf.head
import ringbuf.lanes
import ringbuf.ring
import ringbuf.shm
from ringbuf.records import RECORD_SIZE
from tests.simulation.clock import Clock
from tests.simulation.dying import Processes
from tests.simulation.files import SimulatedIo, SimulatedOs
from tests.simulation.flows import LIMITS
from tests.simulation.stores import SimulatedLmdb

_OS = (
    consumers.journal.listings,
    consumers.journal.writer, consumers.journal.repair, consumers.journal.packed, engine.snapshot, pathlib,
)  # fmt: skip
_TIME = (consumers.runtime, consumers.store, consumers.journal.repair, engine.replica, ops.memory)
_OWNERS = (ringbuf.cursor, ringbuf.head, ringbuf.lanes)


class Uncounted:
    """Stands for the consumers' metrics: eight megabytes of shared memory that nothing here asks about."""

    def __init__(self, *_: Any) -> None:
        pass

    def batch(self, events: int) -> None:
        """See consumers.metrics."""

    def committed(self, *_: Any) -> None:
        """See consumers.metrics."""

    def close(self) -> None:
        """See consumers.metrics."""


class OnePid:
    """`os` for who makes numbers of its process id: the same in every run."""

    @staticmethod
    def getpid() -> int:
        """See os.getpid."""
        return 1


class NoWaiting:
    """A client's waiter: whether there is more is for the scheduler to say."""

    def __init__(self, *_: Any) -> None:
        pass

    def wait(self, *_: Any) -> bool:
        """See ringbuf.wait.Waiter."""
        return False


_PLAIN = np.dtype((np.void, RECORD_SIZE))  # copied whole; a record is copied field by field
Sent = Callable[[int, int, Any], None]  # (lane, index in history, commands that went in)


def _send_noted(send: Callable[..., int], sent: Sent) -> Callable[..., int]:
    def noted(producer: Any, commands: Any) -> int:
        index = producer.base + producer.produced
        fitted = send(producer, commands)
        sent(producer.lane, index, commands[:fitted].view(_PLAIN).copy().view(commands.dtype))
        return fitted

    return noted


def _mortal(call: Callable[..., None], files: SimulatedOs) -> Callable[..., None]:
    """A kernel's call before and after which its process may die."""

    def mortal(*args: Any) -> None:
        when = files.disk.operation()
        call(*args)
        if when is not None:
            files.disk.die()

    return mortal


@contextmanager
def world(processes: Processes, clock: Clock, files: SimulatedOs, lmdb: SimulatedLmdb, sent: Sent) -> Iterator[None]:
    """The simulated world, as long as this is open."""
    opener = SimulatedIo(files.disk)
    changes: list[tuple[ModuleType | type, str, Any]] = [
        *((module, "os", files) for module in _OS),
        *((module, "time", clock) for module in _TIME),
        *((module, "owner_word", processes.owner_word) for module in _OWNERS),
        *((module, "owner_alive", processes.owner_alive) for module in (*_OWNERS, ringbuf.ring)),
        (pathlib, "io", opener),
        (consumers.store, "lmdb", lmdb),
        (consumers.runtime, "ConsumerMetrics", Uncounted),
        (consumers.journal.writer, "PAUSE_S", 0),
        (consumers.journal.writer._Spare, "start", lambda spare: spare.run()),
        (consumers.journal.writer._Spare, "join", lambda spare: None),
        (engine.replica, "limits_of", lambda _: LIMITS),
        (engine.process, "serve_command", _mortal(engine.process.serve_command, files)),
        (ops.leftover, "say", lambda _: None),
        (ops.leftover, "JournalWriter", partial(consumers.journal.writer.JournalWriter, blocks=1)),
        (ringbuf.shm.Segment, "__init__", processes.adopting(ringbuf.shm.Segment.__init__)),
        (ringbuf.lanes.Producer, "send", _send_noted(ringbuf.lanes.Producer.send, sent)),
        (client.python.lane_client, "os", OnePid),
        (client.python.lane_client, "Waiter", NoWaiting),
        (client.python.lane_client.LaneClient, "_opened", 0),
    ]
    with ExitStack() as stack:
        for target, name, value in changes:
            stack.enter_context(patch.object(target, name, value))
        stack.enter_context(patch.object(engine.snapshot, "open", opener.open, create=True))
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, logging.NOTSET)
        yield
