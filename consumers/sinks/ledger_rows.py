"""The balance changes of events as rows: what `consumers.funds` books, line by line."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.funds import FEES, KIND_NAMES, InstrumentTable, expand


def ledger_fields(events: NDArray[np.void], catalog: Catalog) -> list[dict[str, Any]]:
    """Lines of contiguous events (EVENT), in booking order; amounts as decimal strings. The fee account has no name."""
    entries = expand(events, InstrumentTable.of(catalog))
    if not len(entries.event):
        return []
    at = np.arange(len(entries.event))
    begins = np.append(True, entries.event[1:] != entries.event[:-1])
    lines = at - np.maximum.accumulate(np.where(begins, at, 0)) + 1
    columns = (
        *(events["seq"][entries.event], lines, events["ts_ns"][entries.event]),
        *(entries.account, entries.asset, entries.d_available, entries.d_frozen, entries.kind),
    )
    found = []
    for seq, line, ts_ns, account, asset_id, available, frozen, kind in zip(
        *(c.tolist() for c in columns), strict=True
    ):
        asset = catalog.assets[asset_id]
        fields = {"seq": seq, "line": line, "ts_ns": ts_ns}
        if account != FEES:
            fields["account"] = account
        fields["asset"] = asset.name
        fields["available_change"], fields["frozen_change"] = asset.scale.text(available), asset.scale.text(frozen)
        fields["kind"] = KIND_NAMES[kind]
        found.append(fields)
    return found
