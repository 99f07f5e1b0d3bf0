"""The files of a feed that is converted as it streams by: nothing of it is kept but what is open.

Commands are written at once; executions wait as fixed records until the end, when each symbol's tick is known.
Prices are in 1/10 000 of the quote, quantities in shares, as US equity feeds have them.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import Struct
from types import TracebackType

import orjson

from config.errors import ConfigError
from config.instruments import NAME, NAME_EXPECTED
from ops.convert.flow import SIDE_WORDS, SUPPLY_MAX, Pair, account_of, fixed, instruments_toml
from ops.convert.summary import Summary

QUOTE = "USD"
PRICE_DECIMALS = 4
PRICE_MIN, PRICE_MAX = 1, 2_000_000_000  # 0.0001 and 200 000, the largest price that ITCH has
_CENT, _DOLLAR = 100, 10_000
ACCOUNTS_A_SYMBOL = 16  # a symbol's orders are spread over so many of all accounts, that few need its shares
ACCOUNT_ORDERS_MAX = 8_000  # open orders that an engine with default settings lets an account have
_BUFFER_BYTES = 1 << 20
# symbol number, taker's side, price, shares, ts_ns, taker's account and client id, maker's account and client id
_TRADE = Struct("<9q")

Owner = tuple[int, int]  # account and the client id that placed the order
Rows = list[list[object]]  # [price, qty, account, client id] of open orders, in priority


def pair_name(stock: str) -> str:
    """The symbol of a stock: its ticker against USD, what no symbol may hold as ``_`` and two hex digits.

    The ticker USD (there is one) becomes ``USD_``, since no pair may have one asset on both sides.
    Raises ConfigError where a ticker is too long for a name.
    """
    base = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else f"_{ord(c):02X}" for c in stock)
    symbol = f"{base}_-{QUOTE}" if base == QUOTE else f"{base}-{QUOTE}"
    if NAME.fullmatch(symbol) is None or not base:
        raise ConfigError(f"symbol {stock!r}", f"expected a ticker that makes a name ({NAME_EXPECTED})")
    return symbol


class Listing:
    """A symbol of the flow. `cents`: every price so far was whole cents, so that the tick can be one."""

    __slots__ = ("cents", "number", "symbol")

    def __init__(self, number: int, symbol: str) -> None:
        self.number = number
        self.symbol = symbol
        self.cents = True

    @property
    def decimals(self) -> int:
        """Decimals of the tick."""
        return 2 if self.cents else PRICE_DECIMALS

    @property
    def pair(self) -> Pair:
        """The instrument to list, its whole band in ticks."""
        step = 10 ** (PRICE_DECIMALS - self.decimals)
        return Pair(self.symbol, self.decimals, 0, max(PRICE_MIN // step, 1), PRICE_MAX // step)

    def price_text(self, price: int) -> str:
        """A price as the engine will print it."""
        return fixed(price // 10 ** (PRICE_DECIMALS - self.decimals), self.decimals)


class _Taker:
    """An order that the feed doesn't show, known by what it took: grows while executions follow each other."""

    __slots__ = ("account", "client_id", "listing", "maker", "price", "qty", "side", "ts_ns")

    def __init__(self, listing: Listing, owner: Owner, ts_ns: int, side: int) -> None:
        self.listing = listing
        self.account, self.client_id = owner
        self.ts_ns = ts_ns
        self.side = side
        self.price = 0  # the worst so far
        self.qty = 0
        self.maker: Owner | None = None  # the last one met


class FeedFiles:
    """``commands.jsonl``, ``instruments.toml`` and ``expected.json``, put in place together by `finish`.

    To be used in a ``with``: what is not finished leaves nothing behind.
    """

    def __init__(self, out_dir: Path, accounts: int, summary: Summary) -> None:
        out_dir.mkdir(parents=True, exist_ok=True)
        self.summary = summary
        self.accounts = accounts
        # shares, and 1/10 000 USD, that every account is given: whole dollars, whatever decimals USD will have
        self.each = SUPPLY_MAX // accounts // _DOLLAR * _DOLLAR
        self.listings: list[Listing] = []
        self._out_dir = out_dir
        self._client_ids = [0] * (accounts + 1)  # the last of each account: how many commands it has
        self._halts = 0  # halts and resumes, the commands without account
        self._taker: _Taker | None = None
        self._takers = 0
        self._open = [0] * (accounts + 1)  # resting orders of each account
        self._temporary = {name: out_dir / f".{name}.{os.getpid()}" for name in ("commands.jsonl", "trades")}
        self._commands = self._temporary["commands.jsonl"].open("w", _BUFFER_BYTES, encoding="ascii", newline="\n")
        self._write = self._commands.write
        self._trades = self._temporary["trades"].open("w+b", _BUFFER_BYTES)

    def __enter__(self) -> "FeedFiles":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._commands.close()
        self._trades.close()
        for path in self._temporary.values():
            path.unlink(missing_ok=True)

    # --- commands -------------------------------------------------------------------------------------------------

    def begin(self, symbol: str, ts_ns: int) -> Listing:
        """Begin a symbol: its accounts get shares of it. With the first one all accounts get cash."""
        self.settle()
        listing = Listing(len(self.listings), symbol)
        self.listings.append(listing)
        if listing.number == 0:
            for account in range(1, self.accounts + 1):
                self._deposit(account, QUOTE, self.each // _DOLLAR, ts_ns)
        for account in sorted({self._account(listing, place) for place in range(ACCOUNTS_A_SYMBOL)}):
            self._deposit(account, listing.pair.base, self.each, ts_ns)
        return listing

    def _deposit(self, account: int, asset: str, amount: int, ts_ns: int) -> None:
        self._write(
            f'{{"op":"deposit","account":{account},"client_id":{self._next_client_id(account)},'
            f'"asset":"{asset}","amount":"{amount}","ts_ns":{ts_ns}}}\n'
        )

    def _account(self, listing: Listing, place: int) -> int:
        """One of a symbol's accounts; each symbol begins where the one before ended."""
        return 1 + (listing.number * ACCOUNTS_A_SYMBOL + place) % self.accounts

    def account_of(self, listing: Listing, number: int) -> int:
        """The account that an order or taker of this number is given to."""
        return self._account(listing, account_of(number, ACCOUNTS_A_SYMBOL) - 1)

    def place(self, listing: Listing, account: int, side: int, price: int, qty: int, ts_ns: int) -> Owner:
        """A limit order good till cancelled. Raises ConfigError where the account has too many of them."""
        if self._taker is not None:
            self.settle()
        self._open[account] += 1
        if self._open[account] > ACCOUNT_ORDERS_MAX:
            raise ConfigError("--accounts", f"expected more, one would have over {ACCOUNT_ORDERS_MAX} open orders")
        if price % _CENT:
            listing.cents = False
        client_id = self._next_client_id(account)
        self._write(
            f'{{"op":"place","account":{account},"client_id":{client_id},"symbol":"{listing.symbol}",'
            f'"side":"{SIDE_WORDS[side]}","type":"limit","price":"{price // _DOLLAR}.{price % _DOLLAR:04}",'
            f'"qty":"{qty}","stp":"none","ts_ns":{ts_ns}}}\n'
        )
        return account, client_id

    def take(self, listing: Listing, side: int, price: int, qty: int, ts_ns: int, maker: Owner) -> None:
        """An execution of a resting order by a taker of `side`.

        Executions that follow each other without a command between them, of one time, are one taker's.
        """
        taker = self._taker
        if (
            taker is None
            or taker.maker == maker  # one taker meets an order once: so this is the next one
            or taker.ts_ns != ts_ns
            or taker.side != side
            or taker.listing is not listing
        ):
            self.settle()
            self._takers += 1
            account = self.account_of(listing, self._takers)
            taker = self._taker = _Taker(listing, (account, self._next_client_id(account)), ts_ns, side)
        taker.price = price  # the book is walked from its best price: the last one is the worst
        taker.qty += qty
        taker.maker = maker
        self.summary.trades_reproduced += 1
        self._trades.write(
            _TRADE.pack(listing.number, side, price, qty, ts_ns, taker.account, taker.client_id, maker[0], maker[1])
        )

    def cancel(self, owner: Owner, ts_ns: int) -> None:
        """Cancel a resting order."""
        if self._taker is not None:
            self.settle()
        account, placed_as = owner
        self._write(
            f'{{"op":"cancel","account":{account},"client_id":{self._next_client_id(account)},'
            f'"orig_client_id":{placed_as},"ts_ns":{ts_ns}}}\n'
        )

    def ended(self, owner: Owner) -> None:
        """An order that was placed rests no longer."""
        self._open[owner[0]] -= 1

    def amend(self, owner: Owner, qty: int, ts_ns: int) -> None:
        """Leave `qty` of a resting order, at its place."""
        if self._taker is not None:
            self.settle()
        account, placed_as = owner
        self._write(
            f'{{"op":"amend","account":{account},"client_id":{self._next_client_id(account)},'
            f'"orig_client_id":{placed_as},"qty":"{qty}","ts_ns":{ts_ns}}}\n'
        )

    def halt(self, listing: Listing, ts_ns: int) -> None:
        """No orders from here on."""
        self.settle()
        self._halts += 1
        self._write(f'{{"op":"halt","symbol":"{listing.symbol}","ts_ns":{ts_ns}}}\n')

    def resume(self, listing: Listing, ts_ns: int) -> None:
        """Orders again."""
        self.settle()
        self._halts += 1
        self._write(f'{{"op":"resume","symbol":"{listing.symbol}","ts_ns":{ts_ns}}}\n')

    def settle(self) -> None:
        """Send the taker whose executions were gathered: an ioc order for all of them, at the worst price."""
        taker = self._taker
        if taker is None:
            return
        self._taker = None
        self.summary.infer("takers, each from the executions of one instant: the feed shows resting orders only")
        self._write(
            f'{{"op":"place","account":{taker.account},"client_id":{taker.client_id},'
            f'"symbol":"{taker.listing.symbol}","side":"{SIDE_WORDS[taker.side]}","type":"limit","tif":"ioc",'
            f'"price":"{fixed(taker.price, PRICE_DECIMALS)}","qty":"{taker.qty}","stp":"none","ts_ns":{taker.ts_ns}}}\n'
        )

    def _next_client_id(self, account: int) -> int:
        self._client_ids[account] += 1
        return self._client_ids[account]

    # --- the end --------------------------------------------------------------------------------------------------

    def finish(self, books: Iterable[tuple[Listing, Rows, Rows]]) -> None:
        """Write what is expected, given each symbol's open bids and asks, and put the three files in place."""
        self.settle()
        self.summary.commands = sum(self._client_ids) + self._halts
        self._commands.close()
        os.replace(self._temporary["commands.jsonl"], self._out_dir / "commands.jsonl")
        toml = instruments_toml(listing.pair for listing in self.listings)
        for name, parts in (("instruments.toml", iter([toml.encode()])), ("expected.json", self._expected(books))):
            temporary = self._temporary[name] = self._out_dir / f".{name}.{os.getpid()}"
            with temporary.open("wb", _BUFFER_BYTES) as out:
                out.writelines(parts)
            os.replace(temporary, self._out_dir / name)

    def _expected(self, books: Iterable[tuple[Listing, Rows, Rows]]) -> Iterator[bytes]:
        yield b'{"source":"venue","accounts":%d,"refused_post_only":0,"trades":[' % self.accounts
        comma = b""
        for trade in self._trades_written():
            yield comma + orjson.dumps(trade)
            comma = b","
        yield b'],"books":{'
        comma = b""
        for listing, bids, asks in books:
            yield comma + b'"%s":' % listing.symbol.encode() + orjson.dumps({"bids": bids, "asks": asks})
            comma = b","
        yield b"}}"

    def _trades_written(self) -> Iterator[dict[str, object]]:
        self._trades.seek(0)
        while block := self._trades.read(_TRADE.size * 4096):
            for number, side, price, qty, ts_ns, taker, taker_id, maker, maker_id in _TRADE.iter_unpack(block):
                listing = self.listings[number]
                yield {
                    "symbol": listing.symbol,
                    "side": SIDE_WORDS[side],
                    "price": listing.price_text(price),
                    "qty": str(qty),
                    "ts_ns": ts_ns,
                    "taker_account": taker,
                    "taker_client_id": taker_id,
                    "maker_account": maker,
                    "maker_client_id": maker_id,
                }
