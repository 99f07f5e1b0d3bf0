"""Risk's LMDB tables: the alert log (number → JSON) and the suspensions asked for (number → COMMAND)."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consumers.risk.fold import Alert
from consumers.store import Store, encode_key
from consumers.stored import LISTED, Tables
from ringbuf.codes import NO_ID, NO_SYMBOL, Op
from ringbuf.records import COMMAND

NAME = "risk"
TABLES = ("alerts", "commands", LISTED)
ALERTS_KEPT = 1 << 20  # older ones go


def store_folder(data: Path) -> Path:
    """Where the store lies."""
    return Path(data) / "stores" / NAME


def suspend_command(alert: Alert) -> NDArray[np.void]:
    """One COMMAND that suspends the alert's account, at the time of the event that triggered it."""
    command = np.zeros(1, COMMAND)
    command["op"], command["account"], command["symbol"] = Op.SUSPEND, alert.account, NO_SYMBOL
    command["ts_ns"] = alert.ts_ns
    command["client_id"] = command["orig_client_id"] = NO_ID
    return command


def next_number(txn: Any, store: Tables, table: str) -> int:
    """One more than the highest number in the table; 0 where it is empty."""
    with txn.cursor(db=store.db(table)) as cursor:
        return int.from_bytes(cursor.key(), "big") + 1 if cursor.last() else 0


def put_alerts(txn: Any, store: Store, alerts: list[Alert]) -> None:
    """Append alerts, and a command for each that suspends."""
    number, asked = next_number(txn, store, "alerts"), next_number(txn, store, "commands")
    for alert in alerts:
        txn.put(encode_key(number), json.dumps(asdict(alert)).encode(), db=store.db("alerts"))
        if number >= ALERTS_KEPT:
            txn.delete(encode_key(number - ALERTS_KEPT), db=store.db("alerts"))
        if alert.suspend:
            txn.put(encode_key(asked), suspend_command(alert).tobytes(), db=store.db("commands"))
            asked += 1
        number += 1


def command_at(txn: Any, store: Store, number: int) -> NDArray[np.void] | None:
    """The command of that number (COMMAND, one row)."""
    row = txn.get(encode_key(number), db=store.db("commands"))
    return None if row is None else np.frombuffer(bytes(row), COMMAND)
