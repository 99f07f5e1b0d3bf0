"""What one account asks of the venue: drawn commands that trade a lot, as COMMAND records with growing client ids."""

import random
import time
from collections import deque

import numpy as np

from client.python import commands as make
from ringbuf.codes import HAS_QTY, NO_ID, Op, OrderType, Side, Stp, Tif
from ringbuf.records import COMMAND

ASSETS = {0: 10**15, 1: 10**13, 2: 10**14}  # asset id of the default instruments: first deposit in minor units
MIDDLES = {0: (5_000_000, 10_000), 1: (300_000, 1_000)}  # instrument id: middle in ticks, lots in one base
PLAIN = 0  # the symbol without icebergs: what its levels show is what its orders have left
RECENT = 48  # orders that a cancel or an amend may aim at
LIFE_S = (0.2, 3.0)  # of an order that is good till a date

_OPS = {
    "limit": 46, "ioc": 4, "fok": 2, "market": 5, "post_only": 4, "gtd": 4, "iceberg": 3, "stop": 3, "stop_limit": 2,
    "trailing": 2, "oco": 3,
    "cancel": 17, "amend": 7, "replace": 3, "group": 1, "mass_cancel": 0.2, "deposit": 1, "withdraw": 1,
}  # fmt: skip


def transfer(op: Op, account: int, client_id: int, asset: int, amount: int) -> np.ndarray:
    """A deposit or withdrawal of `amount` minor units; shape (1,)."""
    command = np.zeros(1, COMMAND)
    command["op"], command["account"], command["client_id"] = op, account, client_id
    command["symbol"], command["qty_lots"], command["mask"] = asset, amount, HAS_QTY
    command["orig_client_id"] = NO_ID
    return command


class AccountFlow:
    """Draws the commands of one account, one after another. `last_expiry_ns`: the latest end of a gtd order."""

    def __init__(self, account: int, rng: random.Random) -> None:
        self.account = account
        self._rng = rng
        self._next_id = 1
        self._placed: deque[tuple[int, int, Side]] = deque(maxlen=RECENT)  # client id, symbol, side
        self.last_expiry_ns = 0

    def openings(self) -> list[np.ndarray]:
        """The first deposits; an account exists once the first of them is answered."""
        return [transfer(Op.DEPOSIT, self.account, self._id(), asset, amount) for asset, amount in ASSETS.items()]

    def draw(self) -> np.ndarray:
        """The next command, shape (1,); of a group more."""
        op = self._rng.choices(list(_OPS), list(_OPS.values()))[0]
        if op in ("deposit", "withdraw"):
            asset = self._rng.choice(list(ASSETS))
            kind = Op.DEPOSIT if op == "deposit" else Op.WITHDRAW
            return transfer(kind, self.account, self._id(), asset, self._rng.randint(1, 10**9))
        if op == "mass_cancel":
            return make.mass_cancel(self.account, self._id(), self._rng.choice((None, *MIDDLES)))
        if op in ("cancel", "amend", "replace") and self._placed:
            return self._change(op, self._rng.choice(self._placed)[0])
        if op == "group":
            return make.group(*(self._order("limit") for _ in range(self._rng.randint(2, 4))))
        return self._order(op)

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _change(self, op: str, target: int) -> np.ndarray:
        if op == "cancel":
            return make.cancel(self.account, self._id(), orig_client_id=target)
        if op == "amend":
            lots = self._rng.randint(1, 9_000)
            return make.amend(self.account, self._id(), orig_client_id=target, qty_lots=lots)
        return make.replace(self._order("limit"), orig_client_id=target)

    def _order(self, op: str) -> np.ndarray:
        rng = self._rng
        symbol = 1 if op == "iceberg" else rng.choice(list(MIDDLES))
        side = rng.choice((Side.BUY, Side.SELL))
        other = None
        if op == "oco" and self._placed:  # refused where the other one has ended
            other, symbol, side = rng.choice(self._placed)
        middle, one = MIDDLES[symbol]
        sign = 1 if side == Side.SELL else -1
        price = middle + sign * rng.randint(-8, 40)
        lots = rng.randint(1, 2 * one)
        client_id = self._id()
        self._placed.append((client_id, symbol, side))
        terms: dict[str, int | bool | None] = {"price_ticks": price}
        kind = OrderType.LIMIT
        if op in ("ioc", "fok"):
            terms["tif"] = Tif.IOC if op == "ioc" else Tif.FOK
        elif op == "market":
            kind, terms = OrderType.MARKET, {}
        elif op == "post_only":
            terms |= {"price_ticks": middle + sign * rng.randint(5, 40), "post_only": True}
        elif op == "gtd":
            self.last_expiry_ns = time.time_ns() + int(rng.uniform(*LIFE_S) * 1e9)
            terms |= {"tif": Tif.GTD, "expire_ts_ns": self.last_expiry_ns}
        elif op == "iceberg":
            terms["display_lots"] = rng.randint(1, lots)
        elif op in ("stop", "stop_limit"):
            kind = OrderType.STOP if op == "stop" else OrderType.STOP_LIMIT
            terms = {} if op == "stop" else terms
            terms["stop_price_ticks"] = middle - sign * rng.randint(1, 15)
        elif op in ("trailing", "oco"):
            kind = OrderType.TRAILING_STOP if op == "trailing" else OrderType.STOP
            terms = {"trail_ticks": rng.randint(5, 30)} if op == "trailing" else {"oco_client_id": other}
            terms["stop_price_ticks"] = middle - sign * rng.randint(5, 30)
        stp = rng.choice(list(Stp))
        return make.place(self.account, client_id, symbol, side, lots, kind, stp=stp, **terms)  # type: ignore[arg-type]
