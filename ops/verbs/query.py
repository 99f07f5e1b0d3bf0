"""query: what the stores hold, by the consumers' own read functions; works while they run and when they don't.

`order orders balance ledger` are answered here; the market data and alert questions go to their consumers.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

from config.errors import ConfigError
from consumers.balances import store as balances
from consumers.funds import FEES
from consumers.orders import store as orders
from consumers.orders.shown import order_json
from consumers.store import StoreError
from consumers.stored import read_catalog
from ops.evidence import NotFound, accept_globals, account_number, count, open_store, questions_of
from ops.order_json import ledger_json, order_with_fills, refusal_json
from ops.output import print_json, say
from ops.shards.asking import ask as ask_shards
from ops.shards.asking import refuse_unsharded
from ops.shards.layout import read_shards

LAST = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a question."""
    questions = parser.add_subparsers(dest="question", required=True, metavar="QUESTION")

    def question(name: str, text: str) -> argparse.ArgumentParser:
        added = questions.add_parser(name, help=text)
        accept_globals(added)
        return added

    order = question("order", "ORDER_ID, or ACCOUNT CLIENT_ID: an order with its fills, or why it was refused")
    order.add_argument("ids", type=int, nargs="+", metavar="ID")
    for name, text in (("orders", "an account's open orders"), ("balance", "an account's balances")):
        question(name, text).add_argument("account", type=account_number, metavar="ACCOUNT")
    ledger = question("ledger", "an account's last balance changes")
    ledger.add_argument("account", type=account_number, metavar="ACCOUNT")
    ledger.add_argument("--last", type=count, default=LAST, metavar="N")
    for name, text in (("depth", "the whole book of a symbol"), ("ticker", "rolling 24 hours of a symbol")):
        question(name, text).add_argument("symbol", metavar="SYMBOL")
    trades = question("trades", "a symbol's last trades")
    trades.add_argument("symbol", metavar="SYMBOL")
    candles = question("candles", "a symbol's last candles")
    candles.add_argument("symbol", metavar="SYMBOL")
    candles.add_argument("interval", metavar="INTERVAL", help="such as 1s, 1m, 1h, 1d")
    alerts = question("alerts", "the last alerts of risk")
    transfers = question("transfers", "an account's transfers between shards")
    transfers.add_argument("account", type=account_number, metavar="ACCOUNT")
    for added in (trades, candles, alerts, transfers):
        added.add_argument("--last", type=count, default=LAST, metavar="N")


def run(args: argparse.Namespace) -> int:
    """0 = found; 1 = there is no such thing; 2 = no store to ask."""
    try:
        shards = read_shards(args.data)
        answer = ANSWERS[args.question](args) if shards is None else ask_shards(args, shards, ANSWERS)
    except StoreError as error:
        say(str(error))
        return 2
    except NotFound as error:
        say(str(error))
        if args.json:
            print_json({"error": str(error)})
        return 1
    if args.json:
        print_json(answer)
    else:
        print(json.dumps(answer, indent=1))
    return 0


def answer_balance(args: argparse.Namespace) -> dict[str, Any]:
    """{ASSET: {available, frozen}} of all assets that the account has or had something of."""
    with open_store(args.data, balances.NAME) as view:
        tables = balances.BalanceTables(view)
        with view.snapshot() as txn:
            catalog = read_catalog(txn, view)
            found = {}
            for asset in catalog.assets:
                row = balances.balance(txn, tables, args.account, asset.id)
                if row is not None:
                    found[asset.name] = {
                        "available": asset.scale.text(row[0]),
                        "frozen": asset.scale.text(row[1]),
                    }
            return found


def answer_ledger(args: argparse.Namespace) -> dict[str, Any]:
    """The last changes, oldest first."""
    with open_store(args.data, balances.NAME) as view:
        tables = balances.BalanceTables(view)
        with view.snapshot() as txn:
            catalog = read_catalog(txn, view)
            lines = balances.ledger_of(txn, tables, args.account, args.last)
            return {
                "account": "fees" if args.account == FEES else args.account,
                "seq": view.cursor(txn)[1],
                "entries": [ledger_json(line, catalog) for line in lines],
            }


def answer_order(args: argparse.Namespace) -> dict[str, Any]:
    """One order with its fills, or the refusal of the command with that client id."""
    if len(args.ids) > 2:
        raise ConfigError("order", "ORDER_ID, or ACCOUNT CLIENT_ID")
    with open_store(args.data, orders.NAME) as view:
        tables = orders.OrderTables(view)
        with view.snapshot() as txn:
            catalog = read_catalog(txn, view)
            refusal = None
            if len(args.ids) == 1:
                row = orders.order(txn, tables, args.ids[0])
            else:
                row, refusal = orders.by_client_id(txn, tables, *args.ids)
            if row is not None:
                return order_with_fills(txn, tables, row, catalog)
            if refusal is not None:
                return refusal_json(refusal, catalog)
    name = (
        f"order {args.ids[0]}" if len(args.ids) == 1 else f"order of account {args.ids[0]} with client id {args.ids[1]}"
    )
    raise NotFound(f"there is no {name}")


def answer_orders(args: argparse.Namespace) -> dict[str, Any]:
    """Open orders, oldest first."""
    with open_store(args.data, orders.NAME) as view:
        tables = orders.OrderTables(view)
        with view.snapshot() as txn:
            catalog = read_catalog(txn, view)
            rows = orders.open_orders(txn, tables, args.account)
            return {
                "account": args.account,
                "seq": view.cursor(txn)[1],
                "orders": [order_json(rows[i : i + 1], catalog) for i in range(len(rows))],
            }


def _asked_of(consumer: str, function: str, *names: str) -> Callable[[argparse.Namespace], dict[str, Any]]:
    """A question that another consumer's `queries` module answers: called with the data directory and arguments."""

    def ask(args: argparse.Namespace) -> dict[str, Any]:
        queries = questions_of(consumer)
        try:
            answer: dict[str, Any] = getattr(queries, function)(args.data, *(getattr(args, name) for name in names))
        except KeyError as error:
            raise NotFound(f"there is no {error.args[0]}") from None
        return answer

    return ask


ANSWERS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "balance": answer_balance,
    "ledger": answer_ledger,
    "order": answer_order,
    "orders": answer_orders,
    "trades": _asked_of("marketdata", "trades", "symbol", "last"),
    "depth": _asked_of("marketdata", "depth", "symbol"),
    "ticker": _asked_of("marketdata", "ticker", "symbol"),
    "candles": _asked_of("marketdata", "candles", "symbol", "interval", "last"),
    "alerts": _asked_of("risk", "alerts", "last"),
    "transfers": refuse_unsharded,
}
