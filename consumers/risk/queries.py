"""What the query verb and the trace ask of the alert log."""

import json
from pathlib import Path
from typing import Any

from consumers.risk.store import store_folder
from consumers.store import StoreView, encode_key
from consumers.stored import LISTED, read_catalog


def alerts(data: Path, last: int) -> dict[str, Any]:
    """The last alerts, oldest first. Raises StoreError where risk has never run with this data directory."""
    with StoreView(store_folder(data)) as view:
        table = view.db("alerts")
        view.db(LISTED)
        with view.snapshot() as txn:
            catalog = read_catalog(txn, view)
            found: list[dict[str, Any]] = []
            with txn.cursor(db=table) as cursor:
                more = last > 0 and cursor.last()
                while more and len(found) < last:
                    found.append(_named(json.loads(bytes(cursor.value())), catalog))
                    more = cursor.prev()
            return {"seq": view.cursor(txn)[1], "alerts": found[::-1]}


def alerts_from(data: Path, number: int, most: int) -> list[tuple[int, dict[str, Any]]]:
    """Alerts from the one of that number (from 0) on, each with its own. StoreError as above."""
    with StoreView(store_folder(data)) as view:
        table = view.db("alerts")
        view.db(LISTED)
        with view.snapshot() as txn:
            catalog = read_catalog(txn, view)
            found: list[tuple[int, dict[str, Any]]] = []
            with txn.cursor(db=table) as cursor:
                more = cursor.set_range(encode_key(number))
                while more and len(found) < most:
                    at = int.from_bytes(bytes(cursor.key()), "big")
                    found.append((at, _named(json.loads(bytes(cursor.value())), catalog)))
                    more = cursor.next()
            return found


def _named(alert: dict[str, Any], catalog: Any) -> dict[str, Any]:
    """The stored alert with the symbol's name and without what it lacks."""
    if alert["symbol"] is not None:
        alert["symbol"] = catalog.instruments[alert["symbol"]].symbol
    alert["action"] = "suspend" if alert.pop("suspend") else "none"
    return {name: value for name, value in alert.items() if value is not None}
