"""Day reports and account statements as the JSON that scripts read, and as CSV and Parquet files.

Files lie in DATA/reports/DAY/, each written under another name and renamed, ``day.json`` last: where it is
there, the rest is. A finished day's report never changes again: a bust of one of its trades
stands under ``other`` of the day on which the bust was made.
"""

import csv
import io
import json
import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from config.catalog import Catalog
from config.errors import ConfigError
from consumers.funds import FEES
from consumers.settlement.store import (
    SettlementTables,
    Statement,
    fees_of_day,
    statement,
    statements_of_day,
    trial_balance,
    volumes_of_day,
)

EPOCH_DAY = date(1970, 1, 1)
STATEMENT_COLUMNS = ("opening", "deposits", "withdrawals", "received", "paid", "fees", "other", "closing")
FINAL = "final"  # key of day.json: the day was over when it was written

Row = dict[str, str | int]


def day_number(text: str) -> int:
    """Days since 1970 of YYYY-MM-DD; raises ConfigError."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError(text)
        return (date.fromisoformat(text) - EPOCH_DAY).days
    except ValueError:
        raise ConfigError("day", f"a date YYYY-MM-DD (UTC), not {text!r}") from None


def day_text(day: int) -> str:
    """YYYY-MM-DD of days since 1970."""
    return date.fromordinal(EPOCH_DAY.toordinal() + day).isoformat()


def today() -> int:
    """Days since 1970 by this host's clock, UTC."""
    return (datetime.now(UTC).date() - EPOCH_DAY).days


def plain_zero(catalog: Catalog, asset: int, units: int) -> str:
    """An amount, nothing being just "0"."""
    return catalog.amount_text(asset, units) if units else "0"


def day_report(txn: Any, tables: SettlementTables, catalog: Catalog, day: int) -> dict[str, Any]:
    """The JSON of `report day`, without `files`."""
    lines = statements_of_day(txn, tables, day)
    names = [asset.name for asset in catalog.assets]
    fees, trial = fees_of_day(lines), trial_balance(lines)
    volumes = {}
    for symbol, (base, quote, trades) in volumes_of_day(txn, tables, day).items():
        instrument = catalog.instruments[symbol]
        volumes[instrument.symbol] = {
            "base": instrument.base_text(base),
            "quote": instrument.quote_text(quote),
            "trades": trades,
        }
    return {
        "day": day_text(day),
        "transfers": [
            {
                "account": line.account,
                "asset": names[line.asset],
                "amount": catalog.amount_text(line.asset, line.transfer),
            }
            for line in lines
            if line.account != FEES and (line.received or line.paid or line.fees)
        ],
        "fees": {name: catalog.amount_text(asset, fees.get(asset, 0)) for asset, name in enumerate(names)},
        "volumes": volumes,
        "trial_balance": {name: plain_zero(catalog, asset, trial.get(asset, 0)) for asset, name in enumerate(names)},
    }


def account_report(txn: Any, tables: SettlementTables, catalog: Catalog, account: int, day: int) -> dict[str, Any]:
    """The JSON of `report account`; assets in which the account had no business until then are left out."""
    assets = {}
    for asset in catalog.assets:
        line = statement(txn, tables, account, asset.id, day)
        if line is not None:
            assets[asset.name] = {name: asset.scale.text(getattr(line, name)) for name in STATEMENT_COLUMNS}
    return {"account": account, "day": day_text(day), "assets": assets}


def _statement_rows(lines: list[Statement], catalog: Catalog) -> list[Row]:
    rows: list[Row] = []
    for line in lines:
        row: Row = {
            "account": "fees" if line.account == FEES else str(line.account),
            "asset": catalog.assets[line.asset].name,
        }
        for name in STATEMENT_COLUMNS:
            row[name] = catalog.amount_text(line.asset, getattr(line, name))
        rows.append(row)
    return rows


def day_tables(txn: Any, tables: SettlementTables, catalog: Catalog, day: int) -> dict[str, list[Row]]:
    """The rows of each file of a day, by file name without ending."""
    report = day_report(txn, tables, catalog, day)
    return {
        "transfers": [{**line, "account": str(line["account"])} for line in report["transfers"]],
        "fees": [{"asset": asset, "amount": amount} for asset, amount in report["fees"].items()],
        "volumes": [{"symbol": symbol, **volume} for symbol, volume in report["volumes"].items()],
        "statements": _statement_rows(statements_of_day(txn, tables, day), catalog),
        "trial_balance": [{"asset": asset, "amount": amount} for asset, amount in report["trial_balance"].items()],
    }


_COLUMNS = {
    "transfers": ("account", "asset", "amount"),
    "fees": ("asset", "amount"),
    "volumes": ("symbol", "base", "quote", "trades"),
    "statements": ("account", "asset", *STATEMENT_COLUMNS),
    "trial_balance": ("asset", "amount"),
}


def report_folder(data: Path, day: int) -> Path:
    """Where a day's files lie."""
    return Path(data) / "reports" / day_text(day)


def write_files(
    data: Path, day: int, report: dict[str, Any], rows: dict[str, list[Row]], final: bool, parquet: bool
) -> list[str]:
    """Write a day's files; returns their paths relative to `data`. Parquet only where pyarrow is installed."""
    folder = report_folder(data, day)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, lines in rows.items():
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS[name], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        written.append(_put(folder / f"{name}.csv", text.getvalue().encode()))
        if parquet:
            written += _parquet(folder / f"{name}.parquet", name, lines)
    text_json = json.dumps({**report, FINAL: final}, indent=1).encode()
    written.append(_put(folder / "day.json", text_json))
    return [str(path.relative_to(data)) for path in written]


def _put(path: Path, content: bytes) -> Path:
    """Whole or not at all: written aside, synced, renamed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return path


def _parquet(path: Path, name: str, lines: list[Row]) -> list[Path]:
    """Amounts as text, as in JSON and CSV: exact whatever the asset's decimals; counts as int64."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return []
    columns = {
        column: pa.array([line[column] for line in lines], pa.int64() if column == "trades" else pa.string())
        for column in _COLUMNS[name]
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return [_put(path, sink.getvalue().to_pybytes())]


def is_final(data: Path, day: int) -> bool:
    """Whether a finished day's files are there."""
    try:
        return bool(json.loads((report_folder(data, day) / "day.json").read_bytes()).get(FINAL))
    except FileNotFoundError:
        return False
