"""journal: prove it (verify), compare it with another one (diff), bring its tail in order (repair)."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from consumers.journal.format import JournalError, journal_folder, list_history
from consumers.journal.repair import recover
from consumers.journal.verify import diff, verify
from ops.evidence import accept_globals
from ops.output import print_json, say
from ops.run_file import live_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """journal verify | journal diff OTHER | journal repair."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="verify | diff OTHER | repair")
    for name, text in (
        ("verify", "every checksum, sequence, seal and segment border"),
        ("diff", "compare with another journal, event by event"),
        ("repair", "cut a torn tail at the last whole command (what is cut is kept beside it)"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        accept_globals(action)
        if name == "diff":
            action.add_argument("other", type=Path, metavar="OTHER", help="the other data directory")


def run(args: argparse.Namespace) -> int:
    """0 = all well; 1 = damage, difference, or a repair that can't be; 2 = no journal there."""
    _expect_journal("--data", args.data)
    if args.action == "diff":
        _expect_journal("OTHER", args.other)
    try:
        report, text = {"verify": _verify, "diff": _diff, "repair": _repair}[args.action](args)
    except (JournalError, OSError) as error:
        report, text = {"ok": False, "problems": [str(error)]}, [str(error)]
    for line in text:
        say(line)
    if args.json:
        print_json(report)
    return 0 if report["ok"] else 1


def _expect_journal(field: str, data: Path) -> None:
    if not list_history(journal_folder(data)):
        raise ConfigError(field, f"a data directory with a journal, not {data}")


def _verify(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    verdict = verify(args.data)
    text = list(verdict.problems)
    if verdict.tail:
        text.append(f"unfinished tail: {verdict.tail}")
    state = "whole" if verdict.ok else f"{len(verdict.problems)} problems"
    if verdict.first > 1:
        text.append(f"verified from {verdict.first} on: what was before it is not here; its header says how it chains")
    archived = f" ({verdict.archived} in the archive)" if verdict.archived else ""
    text.append(
        f"events {verdict.first} to {verdict.last} in {verdict.segments} segments{archived}, "
        f"{verdict.blocks_sealed} blocks sealed: {state}"
    )
    return {"ok": verdict.ok, **asdict(verdict)}, text


def _diff(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    found = diff(args.data, args.other)
    report = {"ok": not found.seq, **asdict(found)}
    since = f" from {found.first} on" if found.first > 1 else ""
    said = f"{max(found.compared - found.first + 1, 0)} events{since}"
    if not found.seq:
        return report, [f"{said}, all the same"]
    return report, [f"{said} are the same; at sequence {found.seq}: {found.detail}"]


def _repair(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    if live_run(args.data) is not None:
        raise JournalError(f"a pipeline is running on {args.data}; its journal is its own (stop it: down)")
    before = verify(args.data)
    recover(journal_folder(args.data))
    after = verify(args.data)
    text = [f"problem: {problem}" for problem in after.problems]
    changed = before.tail or before.blocks_sealed != after.blocks_sealed
    text.append(f"the journal ends at {after.last}" + ("" if changed else "; nothing had to be repaired"))
    return {"ok": after.ok, "last": after.last, "cut": before.tail, "problems": after.problems}, text
