"""Money in plain integers: who has what by the events alone, that none is made or lost, and what the stores say."""

from collections import defaultdict
from datetime import date

from tests.faults.checker.evidence import FEES, Answers, Event, Finding, Listed

MONEY, BALANCES, SETTLEMENT = "money conserved", "balances store", "settlement"
DAY_NS = 86_400 * 10**9
_SUMS = ("deposits", "withdrawals", "received", "paid", "fees")
Account = int | str


class Money:
    """Balances [available, frozen] by account and asset, and each day's statement sums."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed
        self.balances: defaultdict[tuple[Account, int], list[int]] = defaultdict(lambda: [0, 0])
        self._paid_in: defaultdict[int, int] = defaultdict(int)
        self._held: defaultdict[int, int] = defaultdict(int)
        self.statements: defaultdict[tuple[int, Account, int], dict[str, int]] = defaultdict(
            lambda: dict.fromkeys(_SUMS, 0)
        )
        self._closings: dict[tuple[int, Account, int], int] = {}
        self.found: list[Finding] = []

    def take(self, event: Event) -> None:
        """One event of the history."""
        kind = event["type"]
        if kind in ("deposited", "withdrawn"):
            amount = event["qty_lots"] if kind == "deposited" else -event["qty_lots"]
            self._book(event, event["account"], event["symbol"], amount, 0)
            self._paid_in[event["symbol"]] += amount
            column = "deposits" if kind == "deposited" else "withdrawals"
            self._sum(event, event["account"], event["symbol"], column, abs(amount))
        elif kind in ("accepted", "amended", "cancelled", "triggered") and event["released"]:
            terms = self._listed.instruments[event["symbol"]]
            asset = terms["quote"] if event["side"] == "buy" else terms["base"]
            self._book(event, event["account"], asset, event["released"], -event["released"])
        elif kind == "trade":
            self._trade(event)

    def _trade(self, event: Event) -> None:
        terms = self._listed.instruments[event["symbol"]]
        base, quote = terms["base"], terms["quote"]
        taker, maker = event["account"], event["maker_account"]
        buys = event["side"] == "buy"
        buyer, seller = (taker, maker) if buys else (maker, taker)
        fees = (event["fee"], event["maker_fee"]) if buys else (event["maker_fee"], event["fee"])
        got = event["qty_lots"] * terms["lot_base_units"]
        cost = event["qty_lots"] * event["price_ticks"] * terms["tick_lot_quote_units"]
        freed = event["released"] if buys else cost
        self._book(event, buyer, quote, freed - cost, -freed)
        self._book(event, seller, base, 0, -got)
        self._book(event, buyer, base, got - fees[0], 0)
        self._book(event, seller, quote, cost - fees[1], 0)
        self._book(event, FEES, base, fees[0], 0)
        self._book(event, FEES, quote, fees[1], 0)
        for account, asset, paid, received, fee in ((buyer, (quote, base), cost, got, fees[0]),
                                                    (seller, (base, quote), got, cost, fees[1])):  # fmt: skip
            self._sum(event, account, asset[0], "paid", paid)
            self._sum(event, account, asset[1], "received", received)
            self._sum(event, account, asset[1], "fees", fee)
            self._sum(event, FEES, asset[1], "received", fee)

    def _book(self, event: Event, account: Account, asset: int, available: int, frozen: int) -> None:
        row = self.balances[account, asset]
        row[0] += available
        row[1] += frozen
        self._held[asset] += available + frozen
        if row[0] < 0 or row[1] < 0:
            said = f"event {event['seq']} takes account {account}, asset {asset}, below zero: {row}"
            self.found.append(Finding(MONEY, said))
        self._closings[event["ts_ns"] // DAY_NS, account, asset] = row[0] + row[1]

    def _sum(self, event: Event, account: Account, asset: int, column: str, amount: int) -> None:
        self.statements[event["ts_ns"] // DAY_NS, account, asset][column] += amount

    def compare(self, answers: Answers) -> None:
        """What was paid in is what all hold; `query balance` and `report account` say the same as the events."""
        for asset, (name, _) in enumerate(self._listed.assets):
            if self._held[asset] != self._paid_in[asset]:
                said = f"{name}: {self._held[asset]} minor units are held, {self._paid_in[asset]} were paid in"
                self.found.append(Finding(MONEY, said))
        told = {
            (account, self._listed.asset(name)): [self._units(name, row["available"]), self._units(name, row["frozen"])]
            for account, rows in answers.balances.items()
            for name, row in rows.items()
        }
        for asset, (name, _) in enumerate(self._listed.assets):
            stored = sum(sum(amount or 0 for amount in row) for key, row in told.items() if key[1] == asset)
            if stored != self._paid_in[asset]:
                said = f"{name}: the stores hold {stored} minor units, {self._paid_in[asset]} were paid in"
                self.found.append(Finding(MONEY, said))
        mine = {key: row for key, row in self.balances.items() if any(row)}
        told = {key: row for key, row in told.items() if any(row)}
        for account, asset in sorted(told.keys() | mine.keys(), key=str):
            key = (account, asset)
            if told.get(key) != mine.get(key):
                said = f"account {account}, {self._listed.assets[asset][0]}: {told.get(key)}"
                self.found.append(Finding(BALANCES, f"{said}, by the events {mine.get(key)}"))
        self._compare_statements(answers)

    def _units(self, name: str, text: str) -> int | None:
        return self._listed.units(self._listed.asset(name), text)

    def _compare_statements(self, answers: Answers) -> None:
        told: dict[tuple[int, Account, int], dict[str, int | None]] = {}
        for (day, account), assets in answers.statements.items():
            for name, line in assets.items():
                key = (day_number(day), account, self._listed.asset(name))
                told[key] = {column: self._units(name, line[column]) for column in (*_SUMS, "closing")}
        for key, sums in self.statements.items():
            expected = sums | {"closing": self._closings[key]}
            if told.get(key) != expected:
                said = f"day {key[0]}, account {key[1]}, {self._listed.assets[key[2]][0]}: {told.get(key)}"
                self.found.append(Finding(SETTLEMENT, f"{said}, by the events {expected}"))
        for day, trial in answers.trial.items():
            if any(amount != "0" for amount in trial.values()):
                self.found.append(Finding(SETTLEMENT, f"{day} does not balance: {trial}"))

    @property
    def days(self) -> list[int]:
        """Days since 1970 on which money moved."""
        return sorted({day for day, _, _ in self.statements})


def day_number(text: str) -> int:
    """Days since 1970 of YYYY-MM-DD."""
    return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()
