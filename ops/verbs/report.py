"""report: settlement reports and account statements, from the settlement store, running or not."""

import argparse
from typing import Any

from consumers.settlement.files import open_view, write_day
from consumers.settlement.reports import STATEMENT_COLUMNS, account_report, day_number, today
from consumers.settlement.store import SettlementTables
from consumers.store import StoreError
from consumers.stored import read_catalog
from ops.evidence import accept_globals, account_number
from ops.output import print_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """report day DATE | report account ID [--day DATE]."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="day|account")
    day = kinds.add_parser("day", help="transfers, fees, volumes and trial balance of a day; writes its files")
    day.add_argument("day", metavar="DATE", help="YYYY-MM-DD, UTC")
    account = kinds.add_parser("account", help="an account's statement")
    account.add_argument("account", type=account_number, metavar="ID")
    account.add_argument("--day", default=None, metavar="DATE", help="YYYY-MM-DD, UTC (default: today)")
    for one in (day, account):
        accept_globals(one)


def run(args: argparse.Namespace) -> int:
    """0; 1 where the day's books do not balance."""
    number = today() if args.day is None else day_number(args.day)
    try:
        view = open_view(args.data)
    except StoreError as error:
        say(str(error))
        return 2
    with view:
        if args.kind == "day":
            report = write_day(args.data, view, number)
        else:
            with view.snapshot() as txn:
                report = account_report(txn, SettlementTables(view), read_catalog(txn, view), args.account, number)
    if args.json:
        print_json(report)
    elif args.kind == "day":
        _print_day(report)
    else:
        _print_account(report)
    balanced = all(amount == "0" for amount in report.get("trial_balance", {}).values())
    if not balanced:
        say(f"the books of {report['day']} do not balance: {report['trial_balance']}")
    return 0 if balanced else 1


def _print_day(report: dict[str, Any]) -> None:
    print(f"{report['day']}: net transfers of {len(report['transfers'])} accounts and assets")
    for line in report["transfers"]:
        print(f"  {line['account']:>10}  {line['asset']:<8} {line['amount']:>28}")
    for symbol, volume in report["volumes"].items():
        print(f"  volume {symbol}: {volume['base']} base, {volume['quote']} quote, {volume['trades']} trades")
    for asset, amount in report["fees"].items():
        print(f"  fees {asset}: {amount}   trial balance: {report['trial_balance'][asset]}")
    for path in report["files"]:
        print(f"  {path}")


def _print_account(report: dict[str, Any]) -> None:
    print(f"account {report['account']}, {report['day']} (UTC)")
    for asset, line in report["assets"].items():
        print(f"  {asset}")
        for name in STATEMENT_COLUMNS:
            print(f"    {name:<12} {line[name]:>28}")
