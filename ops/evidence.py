"""What verbs read: the stores of orders, balances and settlement as they lie on disk, running or not."""

import argparse
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from consumers.balances import store as balances
from consumers.funds import FEES
from consumers.orders import store as orders
from consumers.settlement import store as settlement
from consumers.store import StoreView
from consumers.stored import LISTED, store_path
from ringbuf.codes import NO_ACCOUNT

TABLES = {balances.NAME: balances.TABLES, orders.NAME: orders.TABLES, settlement.NAME: settlement.TABLES}


class NotFound(Exception):
    """What was asked for is not there; the message says what."""


def open_store(data: Path, name: str) -> StoreView:
    """A store with all its tables opened, so that a snapshot knows them; StoreError where there is none."""
    view = StoreView(store_path(data, name))
    for table in (*TABLES[name], LISTED):
        view.db(table)
    return view


def questions_of(consumer: str) -> ModuleType:
    """The `queries` module of a consumer; NotFound where this version has no such consumer."""
    module = f"consumers.{consumer}.queries"
    if importlib.util.find_spec(f"consumers.{consumer}") is None or importlib.util.find_spec(module) is None:
        raise NotFound(f"{consumer} is not part of this version")
    return importlib.import_module(module)


def accept_globals(parser: argparse.ArgumentParser) -> None:
    """Let the options that every verb takes stand behind a sub-command as well."""
    parser.add_argument("--data", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument("--name", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def account_number(text: str) -> int:
    """An account from the command line; "fees" is the fee accounts' (argparse type: raises ValueError)."""
    if text == "fees":
        return FEES
    account = int(text)
    if not 0 <= account < NO_ACCOUNT:
        raise ValueError(text)
    return account


def count(text: str) -> int:
    """How many: 1 or more (argparse type)."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
