"""The evidence of a round that has ended: the journal's records, and what the verbs answer from the stores."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from consumers.funds import FEES as FEE_ACCOUNT
from consumers.journal.reader import JournalReader
from consumers.settlement import reports
from consumers.settlement.files import open_view
from consumers.settlement.store import SettlementTables
from consumers.stored import read_catalog
from ops.evidence import questions_of
from ops.verbs import query
from tests.faults.checker.evidence import FEES, Answers
from tests.faults.checker.market import INTERVALS_S

_READ = 65_536
_ALL = 1 << 40


def read_history(data: Path) -> np.ndarray:
    """Every record of the journal (EVENT)."""
    parts, seq = [], 1
    with JournalReader(data) as journal:
        last = journal.last
        while seq <= last:
            parts.append(journal.read(seq, min(_READ, last - seq + 1)))
            seq += len(parts[-1])
    return np.concatenate(parts)


def read_answers(data: Path, accounts: Iterable[int], days: Iterable[int], reconcile: dict[str, Any]) -> Answers:
    """What `query`, `report` and `reconcile` say. `days`: since 1970. Nothing may change meanwhile."""
    found = Answers(reconcile=reconcile)
    accounts = list(accounts)
    for account in accounts:
        asked = Namespace(data=data, account=account)
        found.balances[account] = query.answer_balance(asked)
        found.orders[account] = query.answer_orders(asked)["orders"]
    found.balances[FEES] = query.answer_balance(Namespace(data=data, account=FEE_ACCOUNT))
    market: Any = questions_of("marketdata")
    with open_view(data) as view, view.snapshot() as txn:
        catalog = read_catalog(txn, view)
        tables = SettlementTables(view)
        for day in days:
            whole = reports.day_report(txn, tables, catalog, day)
            text = reports.day_text(day)
            found.volumes[text], found.trial[text] = whole["volumes"], whole["trial_balance"]
            for name, account in ((FEES, FEE_ACCOUNT), *((one, one) for one in accounts)):
                statement = reports.account_report(txn, tables, catalog, account, day)
                found.statements[text, name] = statement["assets"]
    for name in [instrument.symbol for instrument in catalog.instruments]:
        found.trades[name] = market.trades(data, name, _ALL)["trades"]
        found.depth[name] = market.depth(data, name)
        for interval in INTERVALS_S:
            found.candles[name, interval] = market.candles(data, name, interval, _ALL)["candles"]
    return found
