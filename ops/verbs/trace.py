"""trace: one event or one order through all nine steps, with the evidence of each; running or not."""

import argparse
import json
from typing import Any

from config.errors import ConfigError
from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from consumers.store import StoreError
from ops.evidence import NotFound
from ops.output import print_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """trace SEQ | trace order ORDER_ID."""
    parser.add_argument("what", nargs="+", metavar="SEQ | order ORDER_ID")


def run(args: argparse.Namespace) -> int:
    """0 = traced; 1 = there is no such thing; 2 = nothing to look into."""
    words = args.what[1:] if args.what[0] == "order" else args.what
    if len(words) != 1 or not (words[0].isascii() and words[0].isdigit()):
        raise ConfigError("trace", "SEQ, or order ORDER_ID, each a number")
    number = int(words[0])
    try:
        report = _report(args, number)
    except (StoreError, JournalError) as error:
        say(str(error))
        return 2
    except NotFound as error:
        say(str(error))
        if args.json:
            print_json({"error": str(error)})
        return 1
    if args.json:
        print_json(report)
    else:
        _print_steps(report)
    return 0


def _report(args: argparse.Namespace, number: int) -> dict[str, Any]:
    from ops.tracing import events_of_order, trace

    with JournalReader(args.data) as reader:
        last = reader.last
        if not last:
            raise JournalError(f"{args.data}: there is no journal there")
        if args.what[0] == "order":
            events = events_of_order(args.data, reader, number)
        elif 1 <= number <= last:
            events = reader.record(number)
        else:
            raise NotFound(f"there is no sequence {number}: the journal has {reader.first} to {last}")
        steps = trace(args.data, reader, events)
    if args.what[0] == "order":
        order = next(order for order in steps[1]["orders"] if order["order_id"] == number)
        return {"order": order, "seqs": events["seq"].tolist(), "steps": steps}
    return {"seq": number, "steps": steps}


def _print_steps(report: dict[str, Any]) -> None:
    for step in report["steps"]:
        print(f"{step['step']} {step['name']} ({step['owner']})")
        for name, value in step.items():
            if name in ("step", "name", "owner"):
                continue
            if isinstance(value, list) and value:
                print(f"    {name}:")
                for one in value:
                    print(f"      {json.dumps(one)}")
            else:
                print(f"    {name}: {json.dumps(value)}")
