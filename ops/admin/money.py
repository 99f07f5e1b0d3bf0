"""Money in = money out, asset by asset, again and again while the pipeline runs.

What was paid in and out is added up from the journal, remembered in DATA/admin/supply.json so that a start reads on
from there; what accounts and fees hold is added up in the balances' store. Both as of one sequence, that of the store.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from consumers.balances import store as balances
from consumers.funds import FEES
from consumers.journal.reader import CHUNK, JournalReader
from consumers.stored import read_catalog
from ops.evidence import open_store
from ringbuf.codes import EventType

_IN, _OUT = int(EventType.DEPOSITED), int(EventType.WITHDRAWN)
REMEMBER_EVERY = 1_000_000  # events


class Money:
    """The counter of one data directory and history."""

    def __init__(self, data: Path, epoch: int) -> None:
        self._data = data
        self._epoch = epoch
        self._path = data / "admin" / "supply.json"
        self._seq = 0
        self._paid: dict[int, int] = {}  # by asset: paid in less paid out
        self._remembered = 0
        self._read()

    def count(self) -> dict[str, Any]:
        """{seq, conserved, assets: {name: {paid_in, accounts, fees, difference}}}; paid_in is less what was paid out.

        Raises StoreError, JournalError.
        """
        with open_store(self._data, balances.NAME) as view, view.snapshot() as txn:
            seq = view.cursor(txn)[1]
            catalog = read_catalog(txn, view)
            held, fees = _held(txn, balances.BalanceTables(view), len(catalog.assets))
        paid = self._paid_until(seq)
        assets = {}
        for asset in catalog.assets:
            amounts = paid.get(asset.id, 0), held[asset.id], fees[asset.id]
            texts = [asset.scale.text(units) for units in (*amounts, amounts[1] + amounts[2] - amounts[0])]
            assets[asset.name] = dict(zip(("paid_in", "accounts", "fees", "difference"), texts, strict=True))
        conserved = all(paid.get(asset.id, 0) == held[asset.id] + fees[asset.id] for asset in catalog.assets)
        return {"seq": seq, "conserved": conserved, "assets": assets}

    def _paid_until(self, seq: int) -> dict[int, int]:
        if seq < self._seq:  # the store was made again: from the beginning, then
            self._seq, self._paid = 0, {}
        with JournalReader(self._data) as reader:
            while self._seq < seq:
                events = reader.read(self._seq + 1, min(CHUNK, seq - self._seq))
                if not len(events):
                    break
                self._add(events)
                self._seq = int(events["seq"][-1])
        if self._seq - self._remembered >= REMEMBER_EVERY:
            self._write()
        return self._paid

    def _add(self, events: np.ndarray) -> None:
        moved = events[(events["type"] == _IN) | (events["type"] == _OUT)]
        for asset, kind, units in zip(*(moved[name].tolist() for name in ("symbol", "type", "qty_lots")), strict=True):
            self._paid[asset] = self._paid.get(asset, 0) + (units if kind == _IN else -units)

    def _read(self) -> None:
        try:
            found = json.loads(self._path.read_text())
        except FileNotFoundError:
            return
        if found["epoch"] == self._epoch:
            self._seq = self._remembered = found["seq"]
            self._paid = {int(asset): units for asset, units in found["paid"].items()}

    def _write(self) -> None:
        self._path.parent.mkdir(exist_ok=True)
        temporary = self._path.with_name(f"supply.json.{os.getpid()}")
        temporary.write_text(json.dumps({"epoch": self._epoch, "seq": self._seq, "paid": self._paid}))
        temporary.replace(self._path)
        self._remembered = self._seq


def _held(txn: Any, tables: balances.BalanceTables, assets: int) -> tuple[list[int], list[int]]:
    """What all accounts hold, and what was earned in fees, by asset in minor units."""
    held, fees = [0] * assets, [0] * assets
    for first_key, rows in tables.balances.scan(txn):
        units = rows["available"] + rows["frozen"]
        for at in np.flatnonzero(units).tolist():
            asset, account = (first_key + at) >> 32, (first_key + at) & 0xFFFFFFFF
            (fees if account == FEES else held)[asset] += int(units[at])
    return held, fees
