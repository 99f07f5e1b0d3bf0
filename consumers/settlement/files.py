"""All files of some days, Parquet included: `python -m consumers.settlement.files DATA DAY…`."""

import sys
from pathlib import Path
from typing import Any

from consumers.settlement.reports import day_number, day_report, day_tables, write_files
from consumers.settlement.store import NAME, TABLES, SettlementTables, day_starts
from consumers.store import StoreView
from consumers.stored import LISTED, read_catalog, store_path


def open_view(data: Path) -> StoreView:
    """The settlement store to read from; raises StoreError where there is none."""
    view = StoreView(store_path(data, NAME))
    for table in (*TABLES, LISTED):
        view.db(table)
    return view


def write_day(data: Path, view: StoreView, day: int) -> dict[str, Any]:
    """Write every file of a day; the JSON of `report day`."""
    tables = SettlementTables(view)
    with view.snapshot() as txn:
        catalog = read_catalog(txn, view)
        report = day_report(txn, tables, catalog, day)
        rows = day_tables(txn, tables, catalog, day)
        days = day_starts(txn, tables)[:, 0]
    final = bool((days > day).any())
    return {**report, "files": write_files(Path(data), day, report, rows, final, parquet=True)}


def main(arguments: list[str]) -> int:
    """Write the days named."""
    data = Path(arguments[0])
    with open_view(data) as view:
        for day in arguments[1:]:
            write_day(data, view, day_number(day))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
