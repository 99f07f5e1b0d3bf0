"""Commands, instruments and expectations of one flow, gathered and written together.

Accounts of recorded orders are unknown: orders are spread over a fixed number of accounts by a hash of their id.
Self-trade prevention is off, since two orders on one account here were strangers to each other at the venue.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SIDE_WORDS = ("buy", "sell")
_SPREAD = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: neighbouring ids part
SUPPLY_MAX = 2**61  # minor units given out in all, half of what an asset may have


@dataclass(frozen=True)
class Pair:
    """An instrument by decimals: one tick is 10**-price_decimals quote, one lot 10**-qty_decimals base."""

    symbol: str
    price_decimals: int
    qty_decimals: int
    price_min: int  # ticks
    price_max: int  # ticks
    maker_fee_ppm: int = 100
    taker_fee_ppm: int = 200

    @property
    def base(self) -> str:
        """Name of the base asset."""
        return self.symbol.rpartition("-")[0]

    @property
    def quote(self) -> str:
        """Name of the quote asset."""
        return self.symbol.rpartition("-")[2]

    @property
    def quote_decimals(self) -> int:
        """Enough for one tick of one lot."""
        return self.price_decimals + self.qty_decimals

    def price_text(self, ticks: int) -> str:
        """A price as the decimal string that the instrument uses."""
        return fixed(ticks, self.price_decimals)

    def qty_text(self, lots: int) -> str:
        """A quantity as the decimal string that the instrument uses."""
        return fixed(lots, self.qty_decimals)


def fixed(units: int, decimals: int) -> str:
    """``units x 10**-decimals`` with exactly these decimals."""
    if decimals == 0:
        return str(units)
    digits = str(units).zfill(decimals + 1)
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def instruments_toml(pairs: Iterable[Pair]) -> str:
    """The instruments file of these pairs; an asset shared by several gets the most decimals that any needs."""
    pairs = list(pairs)
    decimals: dict[str, int] = {}
    for pair in pairs:
        decimals[pair.quote] = max(decimals.get(pair.quote, 0), pair.quote_decimals)
        decimals[pair.base] = max(decimals.get(pair.base, 0), pair.qty_decimals)
    text = [f'[[asset]]\nname = "{name}"\ndecimals = {places}\n' for name, places in decimals.items()]
    for pair in pairs:
        text.append(
            f'[[instrument]]\nsymbol = "{pair.symbol}"\nbase = "{pair.base}"\nquote = "{pair.quote}"\n'
            f'tick_size = "{pair.price_text(1)}"\nlot_size = "{pair.qty_text(1)}"\n'
            f'price_min = "{pair.price_text(pair.price_min)}"\nprice_max = "{pair.price_text(pair.price_max)}"\n'
            f"maker_fee_ppm = {pair.maker_fee_ppm}\ntaker_fee_ppm = {pair.taker_fee_ppm}\n"
        )
    return "\n".join(text)


def account_of(order_id: int, accounts: int) -> int:
    """The account, 1 … accounts, that an order of the source is given to."""
    return 1 + ((order_id * _SPREAD & 0xFFFFFFFFFFFFFFFF) >> 33) % accounts


class Flow:
    """Collects the commands of one or more pairs; `write` puts the three files in place."""

    def __init__(self, pairs: list[Pair], accounts: int) -> None:
        if accounts < 1:
            raise ValueError(f"accounts: expected at least 1, got {accounts}")
        self.pairs = pairs
        self.accounts = accounts
        self.lines: list[bytes] = []
        self.owner: dict[int, tuple[int, int]] = {}  # order id of the source -> (account, client id)
        self._last_client_id = [0] * (accounts + 1)

    def _next_client_id(self, account: int) -> int:
        self._last_client_id[account] += 1
        return self._last_client_id[account]

    def _add(self, command: dict[str, Any]) -> None:
        self.lines.append(orjson.dumps(command, option=orjson.OPT_APPEND_NEWLINE))

    def deposit_all(self, ts_ns: int, base_amount: int, quote_amount: int) -> None:
        """Fund every account with whole units of each asset, less where the total would near the supply limit."""
        amounts: dict[str, tuple[int, int]] = {}
        for pair in self.pairs:
            amounts[pair.quote] = (quote_amount, max(pair.quote_decimals, amounts.get(pair.quote, (0, 0))[1]))
            amounts[pair.base] = (base_amount, max(pair.qty_decimals, amounts.get(pair.base, (0, 0))[1]))
        for account in range(1, self.accounts + 1):
            for asset, (amount, decimals) in amounts.items():
                limit = SUPPLY_MAX // (self.accounts * 10**decimals)
                client_id = self._next_client_id(account)
                text = str(min(amount, limit))
                self._add(
                    {
                        "op": "deposit",
                        "account": account,
                        "asset": asset,
                        "amount": text,
                        "client_id": client_id,
                        "ts_ns": ts_ns,
                    }
                )

    def place(
        self, pair: Pair, order_id: int, ts_ns: int, side: int, price: int | None, qty: int, post_only: bool = False
    ) -> None:
        """A limit order good till cancelled, or a market order where price is None."""
        account = account_of(order_id, self.accounts)
        client_id = self._next_client_id(account)
        self.owner[order_id] = (account, client_id)
        command: dict[str, Any] = {
            "op": "place",
            "account": account,
            "client_id": client_id,
            "symbol": pair.symbol,
            "side": SIDE_WORDS[side],
            "type": "market" if price is None else "limit",
            "qty": pair.qty_text(qty),
            "stp": "none",
            "ts_ns": ts_ns,
        }
        if price is not None:
            command["price"] = pair.price_text(price)
        if post_only:
            command["post_only"] = True
        self._add(command)

    def cancel(self, order_id: int, ts_ns: int) -> None:
        """Cancel an order that was placed before."""
        account, placed_as = self.owner[order_id]
        client_id = self._next_client_id(account)
        self._add(
            {"op": "cancel", "account": account, "client_id": client_id, "orig_client_id": placed_as, "ts_ns": ts_ns}
        )

    def trade(self, pair: Pair, ts_ns: int, side: int, price: int, qty: int, taker: int, maker: int) -> dict[str, Any]:
        """An expected trade, parties by account and the client id that placed their order."""
        taker_account, taker_client_id = self.owner[taker]
        maker_account, maker_client_id = self.owner[maker]
        return {
            "symbol": pair.symbol,
            "side": SIDE_WORDS[side],
            "price": pair.price_text(price),
            "qty": pair.qty_text(qty),
            "ts_ns": ts_ns,
            "taker_account": taker_account,
            "taker_client_id": taker_client_id,
            "maker_account": maker_account,
            "maker_client_id": maker_client_id,
        }

    def book_rows(self, pair: Pair, orders: Iterable[tuple[int, int, int]]) -> list[list[Any]]:
        """[price, qty, account, client_id] of expected open orders, given as (price, leaves, order id) in priority."""
        return [[pair.price_text(p), pair.qty_text(q), *self.owner[i]] for p, q, i in orders]

    def write(self, out_dir: Path, expected: dict[str, Any]) -> None:
        """Write the three files, each by rename."""
        out_dir.mkdir(parents=True, exist_ok=True)
        contents = {
            "commands.jsonl": b"".join(self.lines),
            "instruments.toml": instruments_toml(self.pairs).encode(),
            "expected.json": orjson.dumps(expected),
        }
        for name, content in contents.items():
            temporary = out_dir / f".{name}.{os.getpid()}"
            temporary.write_bytes(content)
            os.replace(temporary, out_dir / name)
