"""replay: the state at a sequence from the journal alone (--to), or a consumer's events once more (--consumer)."""

import argparse
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from config.settings import SINK_PREFIX
from consumers.journal.format import JournalError
from consumers.journal.reader import CHUNK, JournalReader
from consumers.runtime import BULK_CONSUMERS
from consumers.store import StoreError, StoreView, move_aside
from consumers.stored import store_path
from ops.output import print_json, say
from ops.run_file import live_run
from ringbuf.cuts import cuts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--to SEQ | --consumer NAME --from SEQ."""
    parser.add_argument("--to", type=int, metavar="SEQ", help="rebuild the state at this sequence, print its hash")
    parser.add_argument("--consumer", metavar="NAME", help="send a consumer its events again")
    parser.add_argument("--from", type=int, dest="first", metavar="SEQ", help="from this sequence on (with --consumer)")


def run(args: argparse.Namespace) -> int:
    """0 = done; 1 = the journal does not reach so far, is damaged, the pipeline is running, or a sink can't be given
    what it lacks; 2 = wrong usage."""
    if (args.to is None) == (args.consumer is None):
        raise ConfigError("replay", "either --to SEQ, or --consumer NAME --from SEQ")
    try:
        report = rebuild(args.data, args.to) if args.to is not None else resend(args.data, args.consumer, args.first)
    except (JournalError, StoreError) as error:
        say(str(error))
        if args.json:
            print_json({"error": str(error)})
        return 1
    for key, value in report.items():
        say(f"{key}: {value}")
    if args.json:
        print_json(report)
    return 1 if report.get("lost") else 0


def rebuild(data: Path, seq: int) -> dict[str, Any]:
    """{seq, state_hash, open_orders, whole} of the state after event ``seq``, by the engine's own apply.

    ``whole``: whether a command, and its group, ends there; else the state is one that no other command ever saw.

    Raises JournalError when the journal does not hold it or an event does not follow from the state before it.
    """
    from engine.fold import HistoryError
    from ops.reconciliation import engine_before
    from ops.verbs.reconcile import limits_of

    with JournalReader(data) as reader:
        first = reader.first
        if not first <= seq <= reader.last or not first:
            raise JournalError(f"--to: sequence {seq} is not in the journal, which has {first} to {reader.last}")
        engine = engine_before(data, reader, seq, limits_of(data))
        at = engine.seq
        events = reader.read(seq, 1)
        while at < seq:
            events = reader.read(at + 1, min(CHUNK, seq - at))
            try:
                engine.apply(events)
            except HistoryError as error:
                raise JournalError(f"replay stopped: {error}") from error
            at += len(events)
    whole = bool(cuts(events)[-1])
    open_orders = engine.header()["order_count"]
    return {"seq": seq, "state_hash": engine.state_hash(), "open_orders": open_orders, "whole": whole}


def resend_to_sink(data: Path, consumer: str, first: int) -> dict[str, Any]:
    """Put what a sink lacks, running or not. Raises StoreError where it can't be had."""
    from consumers.sinks.target import TargetAway
    from ops.sinks import resend as put_missing

    try:
        return put_missing(data, consumer, first)
    except TargetAway as why:
        raise StoreError(f"{consumer} can't be had: {why}") from why


def resend(data: Path, consumer: str, first: int | None) -> dict[str, Any]:
    """Let a stored consumer take its events again at the next start: {consumer, from, kept}.

    Its effects can't be taken twice, so it begins anew: its store is moved aside and rebuilt from the journal's
    beginning, which covers ``first`` and what it rests on. Raises StoreError while a pipeline runs.
    """
    if first is None or first < 1:
        raise ConfigError("--from", "a sequence, 1 or more")
    if consumer.startswith(SINK_PREFIX):
        return resend_to_sink(data, consumer, first)
    if consumer not in BULK_CONSUMERS:
        raise ConfigError("--consumer", f"a sink, or one of {', '.join(sorted(BULK_CONSUMERS))}, not {consumer!r}")
    if live_run(data) is not None:
        raise StoreError(f"a pipeline is running on {data}: stop it first (down), the next start sends again")
    path = store_path(data, consumer)
    with StoreView(path) as view:
        stood = view.sequence
    if first > stood:
        return {"consumer": consumer, "from": first, "kept": "", "note": f"it stands at {stood} and gets those anyway"}
    kept = move_aside(path, f"{consumer} takes its events again from {first} on")
    note = "sent again from 1 on at the next start: a fold begins at its beginning"
    return {"consumer": consumer, "from": first, "kept": str(kept or ""), "note": note}
