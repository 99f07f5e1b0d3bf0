"""``send JSON…``: commands into a running pipeline, one after another; prints the events that answer them."""

import argparse
import time
from typing import Any

import numpy as np
import orjson

from client.python.entry_client import EntryClient, EntryRefused, NoAnswer
from config.json_commands import decode_all, parse_json
from config.json_events import encode_all
from ops.entry_link import open_entry
from ops.feeding import History, history_of
from ops.output import print_json, say
from ops.run_file import require_run
from ops.shards.listings import Listings
from ringbuf.codes import FLAG_LAST


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments beside the common ones."""
    parser.add_argument("commands", nargs="+", metavar="JSON", help="one JSON command each")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S", help="wait for an answer (default: 10)")


def run(args: argparse.Namespace) -> int:
    """0 when every command was answered, whatever the answer; 1 where one was not."""
    run_file = require_run(args.data)
    history = history_of(args.data)
    said: list[dict[str, Any]] = []
    failed = 0
    try:
        client = open_entry(args.data, run_file, args.timeout)
    except (NoAnswer, EntryRefused) as error:
        say(f"send: {error}")
        failed = 1
    else:
        try:
            for text in args.commands:
                events = _answers(client, history, text, args.timeout)
                said += events
                if not args.json:
                    for event in events:
                        print(orjson.dumps(event).decode(), flush=True)
        except (NoAnswer, EntryRefused) as error:
            say(f"send: {error}")
            failed = 1
        finally:
            client.close()
    history.close()
    if args.json:
        print_json({"events": said})
    return failed


def _is_of_shards(text: str) -> dict[str, Any] | None:
    """A command that only text can say: a transfer, or a deposit or withdrawal that names its shard; its fields."""
    fields = parse_json(text)
    if not isinstance(fields, dict):
        return None
    names_shard = fields.get("op") in ("deposit", "withdraw") and fields.get("shard") is not None
    return fields if fields.get("op") == "transfer" or names_shard else None


def _answer_in_text(client: EntryClient, fields: dict[str, Any], timeout_s: float) -> list[dict[str, Any]]:
    """Send it as it is; its one answer, which names the same account and client id, or says what was wrong."""
    client.ask(fields)
    deadline = time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0:
        client.receive(int(left * 1000) + 1)
        for found in client.notices.copy():
            client.notices.remove(found)
            if all(found.get(name) == fields.get(name) for name in ("account", "client_id")):
                return [found]
            if "error" in found:
                say(f"send: {found['error']}")
    raise NoAnswer(f"no answer within {timeout_s:g} s to {orjson.dumps(fields).decode()}")


def _answers(client: EntryClient, history: History | Listings, text: str, timeout_s: float) -> list[dict[str, Any]]:
    """Send one command (a group is several records) and wait for all its events; NoAnswer where they do not come."""
    in_text = _is_of_shards(text) if isinstance(history, Listings) else None
    if in_text is not None:
        return _answer_in_text(client, in_text, timeout_s)
    commands, wrong = decode_all(text, history.catalog, history.trade_of)
    if wrong is not None:
        say(f"send: {wrong}")
    client.send(commands)
    unanswered = len(commands)
    deadline = time.monotonic() + timeout_s
    events: list[np.ndarray] = []
    while (left := deadline - time.monotonic()) > 0:
        found = client.receive(int(left * 1000) + 1)
        found = found[found["session"] == client.session]
        events.append(found)
        unanswered -= int(np.count_nonzero(found["flags"] & FLAG_LAST))
        if unanswered <= 0:
            every = np.concatenate(events)
            history.fold(every)
            return encode_all(every, history.catalog)
        if client.answered_session() is not None:
            raise NoAnswer(f"order entry was restarted, not known whether it took {text}")
        if client.notices:
            return [client.notices.pop(0)]
    raise NoAnswer(f"no answer within {timeout_s:g} s to {text}")
