"""The balance changes of events as rows: what `consumers.funds` books, line by line."""

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.funds import FEES, I64, KIND_NAMES, InstrumentTable, expand
from consumers.sinks.columns import LEDGER_COLUMNS
from consumers.sinks.row_text import Names, Rows, Style, places

_WITHOUT_ACCOUNT: Names = tuple(name for name in LEDGER_COLUMNS if name != "account")


def ledger_fields(events: NDArray[np.void], catalog: Catalog) -> list[dict[str, Any]]:
    """Lines of contiguous events (EVENT), in booking order; amounts as decimal strings. The fee account has no name."""
    found = []
    for seq, line, ts_ns, account, asset_id, available, frozen, kind in zip(*_columns(events, catalog), strict=True):
        asset = catalog.assets[asset_id]
        fields = {"seq": seq, "line": line, "ts_ns": ts_ns}
        if account != FEES:
            fields["account"] = account
        fields["asset"] = asset.name
        fields["available_change"], fields["frozen_change"] = asset.scale.text(available), asset.scale.text(frozen)
        fields["kind"] = KIND_NAMES[kind]
        found.append(fields)
    return found


def ledger_text(events: NDArray[np.void], catalog: Catalog, style: Style) -> Rows:
    """The same lines as the text that SQL takes."""
    powers = [10**asset.decimals for asset in catalog.assets]
    patterns: dict[tuple[int, int, bool], str] = {}
    made: dict[Names, list[str]] = defaultdict(list)
    for seq, line, ts_ns, account, asset, available, frozen, kind in zip(*_columns(events, catalog), strict=True):
        fees = account == FEES
        key = asset, kind, fees
        if key not in patterns:
            patterns[key] = _pattern(*key, catalog, style)
        power = powers[asset]
        amounts = (*_split(available, power), *_split(frozen, power))
        row = (seq, line, ts_ns, *amounts) if fees else (seq, line, ts_ns, account, *amounts)
        made[_WITHOUT_ACCOUNT if fees else tuple(LEDGER_COLUMNS)].append(patterns[key] % row)
    return made


def _columns(events: NDArray[np.void], catalog: Catalog) -> list[list[int]]:
    """seq, line, ts_ns, account, asset, available and frozen change, kind of each entry."""
    entries = expand(events, InstrumentTable.of(catalog))
    at: I64 = np.arange(len(entries.event))
    begins = np.ones(len(at), np.bool_)
    begins[1:] = entries.event[1:] != entries.event[:-1]
    lines = at - np.maximum.accumulate(np.where(begins, at, 0)) + 1
    columns = (
        *(events["seq"][entries.event], lines, events["ts_ns"][entries.event]),
        *(entries.account, entries.asset, entries.d_available, entries.d_frozen, entries.kind),
    )
    return [column.tolist() for column in columns]


def _split(amount: int, power: int) -> tuple[str, int, int]:
    return ("-" if amount < 0 else "", *divmod(abs(amount), power))


def _pattern(asset_id: int, kind: int, fees: bool, catalog: Catalog, style: Style) -> str:
    asset = catalog.assets[asset_id]
    amount = "%s" + places(asset.decimals)
    name, word = (style.quote(text).replace("%", "%%") for text in (asset.name, KIND_NAMES[kind]))
    cells = ["%d", "%d", "%d", *([] if fees else ["%d"]), name, amount, amount, word]
    return style.opening + style.between.join(cells) + style.closing
