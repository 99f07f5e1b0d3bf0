"""A pipeline without an engine: another host's history out of a Kafka topic, and the consumers that are wanted here."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from config.errors import ConfigError
from consumers.journal.reader import JournalReader
from consumers.mirror.place import keep, place_of, shown
from consumers.mirror.topic import TopicAway, epoch_of
from consumers.replication.term import MIRROR, PRIMARY, TermError, read_term, update_term
from consumers.source import SourceError
from ops.pipeline import Plan, refuse_used_ports, serve
from ops.processes import PROCESSES, ProcessSpec
from ops.supervisor import StartFailed

WRITER = ProcessSpec("mirror", "consumers.mirror.process:main", 1, cursor="mirror")
CONSUMERS = ("orders", "balances", "settlement", "risk", "marketdata", "publisher")
DEFAULT = ("settlement", "risk", "marketdata", "publisher")


def mirror(plan: Plan, source: str, wanted: Sequence[str], ready: Callable[[dict[str, Any]], None]) -> int:
    """Run until told to stop; the exit code. Raises ConfigError; StartFailed where the topic can't be had at first."""
    place = place_of(source)
    with plan.locked():
        with JournalReader(plan.data) as journal:
            epoch, last = journal.epoch, journal.last
        try:
            term = read_term(plan.data)
            if term.role not in (PRIMARY, MIRROR) or (term.role == PRIMARY and last):
                raise ConfigError("--data", f"expected an empty directory or a mirror's, not that of a {term.role}")
            found = epoch or epoch_of(place)
            refuse_used_ports(plan)
            update_term(plan.data, lambda term: replace(term, role=MIRROR, where=shown(place)))
            keep(plan.data, source)
        except (TopicAway, SourceError, TermError) as error:
            raise StartFailed(str(error)) from error
        names = {"journal", *wanted}
        specs = [spec for spec in PROCESSES if spec.name in names]
        return serve(plan, ready, (specs[0], WRITER, *specs[1:]), found)
