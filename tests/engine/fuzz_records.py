"""Random COMMAND records: every op, every flag and every field, from plausible values to plain bytes.

Ops, flags and masks are taken from `ringbuf.codes`, so what is added there is fuzzed from that day on.
"""

import random
from typing import Any

import numpy as np

from config.catalog import LISTING_FIELDS, fill_list_instrument
from config.instruments import build_catalog
from config.wide_commands import WIDE_OPS, fill_bust
from ringbuf import codes
from ringbuf.codes import (
    CMD_GROUP,
    CMD_PAIRED,
    CMD_POST_ONLY,
    FIRST_WAITING,
    GROUP_MAX,
    HAS_BUDGET,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_MIN,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    HAS_TRAIL,
    NO_ACCOUNT,
    NO_SYMBOL,
    PRICED,
    EventType,
    Op,
    OrderType,
    Side,
    Stp,
    SymbolState,
    Tif,
)
from ringbuf.records import COMMAND
from tests.reference.stream import INSTRUMENTS

FLAGS = [value for name, value in vars(codes).items() if name.startswith("CMD_")]
MASKS = [value for name, value in vars(codes).items() if name.startswith("HAS_")]
USUAL = 2.0  # weight of an op that is not named here
WEIGHTS = {
    Op.PLACE: 60, Op.AMEND: 14, Op.CANCEL: 6, Op.DEPOSIT: 8, Op.WITHDRAW: 3, Op.MASS_CANCEL: 1, Op.BUST: 3,
    Op.REPLACE: 8, Op.SUSPEND: 0.3, Op.UNSUSPEND: 4, Op.HALT: 0.5, Op.RESUME: 4, Op.STATE: 4, Op.LIST_ASSET: 0.5,
    Op.LIST_INSTRUMENT: 0.6, Op.DELIST_INSTRUMENT: 0.15, Op.DELIST_ASSET: 0.1, Op.MALFORMED: 0.5,
}  # fmt: skip
EXTREMES = (-(2**63), -(2**62), -1, 0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**60, 2**62, 2**63 - 1)
WIDE = [Op[word.upper()] for word in sorted(WIDE_OPS)]
STEP_LANES = 255  # no producer's lane: the engine's own


class RecordSource:
    """Endless frames of COMMAND records; what they are about is learnt from the events shown to it."""

    def __init__(self, seed: int, invents_busts: bool) -> None:
        self.invents_busts = invents_busts
        self.random = random.Random(seed)
        self.orders: list[tuple[int, int, int]] = []  # order id, account, client id
        self.trades: list[np.void] = []
        self.client_id = 0
        self.now_ns = 0
        self.symbols = 3

    def saw(self, events: np.ndarray) -> None:
        """Remember orders, trades, the time and how much is listed."""
        accepted = events[events["type"] == EventType.ACCEPTED]
        seen = zip(*(accepted[name].tolist() for name in ("seq", "account", "client_id")), strict=True)
        self.orders = [*self.orders, *seen][-20:]
        self.trades = [*self.trades, *events[events["type"] == EventType.TRADE]][-60:]
        self.symbols += int(np.count_nonzero(events["type"] == EventType.LISTED_INSTRUMENT))
        self.now_ns = min(int(events["ts_ns"][-1]), 2**62)

    def frame(self) -> np.ndarray:
        """Records that come together: mostly one, now and then a group, or what looks like one."""
        if not self._one_in(12):
            return self._settled(self._record())
        count = self.random.choice((2, 2, 3, 5, GROUP_MAX, GROUP_MAX + 1, 90))
        records = np.concatenate([self._group_member() for _ in range(count)])
        records["flags"][: count - 1 if not self._one_in(10) else count] |= CMD_GROUP  # now and then without an end
        if self._one_in(6):  # not quite a group
            records[self.random.randrange(count)] = self._record()[0]
        return self._settled(records)

    def last_words(self) -> np.ndarray:
        """A record with a time that leaves nothing to come after it."""
        record = self._settled(self._record())
        record["ts_ns"] = self.random.choice(EXTREMES)
        return record

    def _settled(self, records: np.ndarray) -> np.ndarray:
        """What the serving loop sees to: the lane is the producer's."""
        records["session"] = records["session"] % (STEP_LANES << 24)
        return records

    def _one_in(self, n: int) -> bool:
        return self.random.randrange(n) == 0

    def _record(self) -> np.ndarray:
        draw = self.random
        record = np.frombuffer(bytearray(draw.randbytes(COMMAND.itemsize)), COMMAND)
        op = draw.choices(list(Op), [WEIGHTS.get(op, USUAL) for op in Op])[0]
        if self._one_in(40):  # bytes as they come, all but the time, which would not stand still again
            record["ts_ns"] = 0
            if self._one_in(2):
                record["op"] = op if op != Op.BUST else Op.PLACE
            elif record["op"][0] == Op.BUST:
                record["op"] = 255
            return record
        if op in WIDE:
            return self._wide(record, op)
        self._fill(record, self._plausible(op))
        if self._one_in(8):
            self._spoil(record)
        return record

    def _group_member(self) -> np.ndarray:
        record = np.zeros(1, COMMAND)
        values = self._plausible(Op.PLACE)
        if not self._one_in(10):
            values |= {"order_type": OrderType.LIMIT, "tif": Tif.GTC, "mask": HAS_PRICE | HAS_QTY}
            values |= {"account": 1, "flags": 0}
        self._fill(record, values | {"ts_ns": 0})
        return record

    @staticmethod
    def _fill(record: np.ndarray, values: dict[str, Any]) -> None:
        for name, value in values.items():
            record[name] = value

    def _account(self) -> int:
        return 7 if self._one_in(40) else self.random.randrange(1, 5)

    def _plausible(self, op: Op) -> dict[str, Any]:
        """Values of all fields that make sense more often than not."""
        draw = self.random
        self.client_id += 1
        values: dict[str, Any] = {
            "ts_ns": self.now_ns + draw.randrange(200) if self._one_in(6) else 0, "ingress_ns": 0, "op": op, "flags": 0,
            "side": draw.randrange(2), "order_type": draw.choice(list(OrderType)), "tif": Tif.GTC,
            "stp": draw.choice(list(Stp)), "mask": HAS_QTY, "refuse": 0, "symbol": draw.randrange(self.symbols + 1),
            "account": self._account(), "client_id": self.client_id, "order_id": 0,
            "price_ticks": draw.randrange(14, 25), "qty_lots": draw.randrange(2, 30),
            "stop_price_ticks": draw.randrange(14, 25), "display_lots": draw.randrange(1, 9),
            "expire_ts_ns": self.now_ns + draw.randrange(1, 2000), "quote_budget": draw.randrange(1, 9000),
            "orig_client_id": self.client_id - draw.randrange(40), "min_lots": draw.randrange(1, 9),
            "symbol_state": draw.choice([*SymbolState, SymbolState.OPEN, SymbolState.OPEN]), "price_places": 0,
            "qty_places": 0, "stop_price_places": 0,
        }  # fmt: skip
        if values["symbol"] >= 3 and draw.random() < 0.8:
            values["symbol"] = draw.randrange(3)
        if op in (Op.DELIST_INSTRUMENT, Op.DELIST_ASSET):  # two symbols and their assets are kept to live on
            values["symbol"] = draw.randrange(2 if op == Op.DELIST_INSTRUMENT else 3, self.symbols + 4)
        if op in (Op.PLACE, Op.REPLACE):
            values |= self._terms(values["order_type"])
        if op == Op.AMEND:
            values["mask"] = sum(bit for bit in (HAS_PRICE, HAS_QTY, HAS_STOP_PRICE) if self._one_in(2))
        if self.orders and op in (Op.AMEND, Op.CANCEL, Op.REPLACE) and not self._one_in(5):
            values["order_id"], values["account"], values["orig_client_id"] = draw.choice(self.orders)
            values["order_id"] *= draw.randrange(2)
        if op in (Op.DEPOSIT, Op.WITHDRAW):
            values["qty_lots"] = draw.randrange(1, 40_000 if op == Op.DEPOSIT else 4000)
        if op == Op.STATE:
            values |= {"mask": draw.choice((0, 0, HAS_PRICE, HAS_MIN, HAS_PRICE | HAS_MIN)),
                       "min_lots": draw.choice((0, 50_000, 200_000, 10**6))}  # fmt: skip
        if op in (Op.HALT, Op.RESUME, Op.MASS_CANCEL, Op.TIME) and self._one_in(2):
            values["symbol"] = NO_SYMBOL
        return values

    def _terms(self, order_type: OrderType) -> dict[str, Any]:
        """Words of a new order that go together."""
        draw = self.random
        waits, priced = order_type >= FIRST_WAITING, order_type in PRICED
        trails = order_type == OrderType.TRAILING_STOP
        mask = HAS_QTY | HAS_PRICE * priced | HAS_STOP_PRICE * waits | HAS_TRAIL * trails
        terms: dict[str, Any] = {"tif": draw.choice((Tif.GTC, Tif.GTC, Tif.GTD) if waits else list(Tif))}
        if order_type == OrderType.MARKET:
            terms["tif"] = draw.choice((Tif.GTC, Tif.IOC, Tif.FOK))
            if self._one_in(3):
                terms |= {"side": Side.BUY, "stp": Stp.CANCEL_TAKER, "tif": Tif.GTC}
                mask = HAS_BUDGET
        if terms["tif"] == Tif.GTD:
            mask |= HAS_EXPIRE
        rests = terms["tif"] in (Tif.GTC, Tif.GTD)
        if trails:
            terms["price_ticks"] = draw.randrange(1, 5)
        if waits and self._one_in(4) and self.orders:
            _, terms["account"], terms["orig_client_id"] = draw.choice(self.orders)
            terms["flags"] = CMD_PAIRED
        elif priced and rests and self._one_in(5):
            mask |= HAS_DISPLAY
        elif not waits and terms["tif"] != Tif.FOK and mask != HAS_BUDGET and self._one_in(8):
            mask |= HAS_MIN
        elif order_type == OrderType.LIMIT and rests and self._one_in(10):
            terms["flags"] = CMD_POST_ONLY
        return terms | {"mask": mask}

    def _spoil(self, record: np.ndarray) -> None:
        """Random or extreme values in some fields, or a bit more in flags or mask; the time stays."""
        draw = self.random
        for name in draw.sample([n for n in COMMAND.names or () if n not in ("ts_ns", "reserved")], 2):
            bits = COMMAND[name].itemsize * 8
            value = draw.choice(EXTREMES) if bits == 64 or self._one_in(2) else draw.randrange(9)
            if name in ("flags", "mask"):
                value = int(record[name][0]) ^ draw.choice(FLAGS if name == "flags" else MASKS)
            if name == "op" and value % 256 == Op.BUST:
                continue  # a bust is made from evidence, by `_wide`
            if COMMAND[name].kind == "u":
                value %= 1 << bits
            record[name] = value
        if self._one_in(6):
            record["symbol"], record["account"] = NO_SYMBOL, draw.choice((NO_ACCOUNT, 1, 7))
        if record["client_id"][0] > self.client_id:
            record["account"] = 7  # whose ids are used up by this, once it has begun

    def _wide(self, record: np.ndarray, op: Op) -> np.ndarray:
        """A bust of a trade or of nothing, now and then not as it was; a listing of random bytes or of a copy."""
        draw = self.random
        if op != Op.BUST:
            if self._one_in(4):
                record["op"], record["ts_ns"] = op, 0
                return record
            row = self._listing(op)
            raw = row.view(np.uint8)
            if op != Op.CHANGE_INSTRUMENT:
                raw[24] = draw.randrange(65, 90)  # first letter of the name
            for _ in range(draw.randrange(4)):
                raw[draw.randrange(24, 120)] = draw.randrange(256)
            return row
        trade = draw.choice(self.trades) if self.trades and not self._one_in(8) else None
        bust = np.zeros(1, COMMAND)
        fill_bust(bust, int(trade["seq"]) if trade is not None else 0, trade)
        if self._one_in(8):
            bust["refuse"] = draw.randrange(256)
        if self.invents_busts and self._one_in(3):
            bust.view(np.uint8)[draw.randrange(24, 120)] = draw.randrange(256)
        return bust

    def _listing(self, op: Op) -> np.ndarray:
        catalog = build_catalog(INSTRUMENTS)
        if op == Op.CHANGE_INSTRUMENT:
            row, known = np.zeros(1, COMMAND), self.random.choice(catalog.instruments)
            terms = {name: getattr(known, name) for name in LISTING_FIELDS}
            terms["price_max_ticks"] += self.random.randrange(3)
            fill_list_instrument(row, known.symbol, known.base, known.quote, terms, op)
            return row
        seeds = catalog.seed_commands()
        source = seeds[seeds["op"] == op]
        return source[self.random.randrange(len(source))].copy().reshape(1)
