"""NASDAQ TotalView-ITCH 5.0 files (a day of the whole market, plain, .gz or .xz) to commands, as they stream by.

==========  ==========================  =====================================================================
message     it says                     becomes
==========  ==========================  =====================================================================
A F         new order                   limit order, gtc
E           execution                   an ioc order of the other side; those of one instant are one
C           the same, at another price  the same where it printed and a book could do it; else the shares go
X           partial cancel              amend to less
D           deleted                     cancel
U           replaced                    cancel and place: a new order, behind all others at its price
H, h        halt, pause, resumption     halt, resume (quotes only stays halted)
P Q B       hidden trade, cross, bust   dropped, counted
R, S        directory, system event     names a locate code; says whether the file is whole
others      nothing about orders        counted
==========  ==========================  =====================================================================

First bytes 1f 8b or fd 37 would be a frame of 8 075 or 64 823 bytes, which no message is: so they mean a packed file.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from config.errors import ConfigError
from ops.convert.day import day_of, midnight_ns
from ops.convert.feed_files import FeedFiles, pair_name
from ops.convert.itch_frames import LENGTHS, Frames
from ops.convert.market import Market
from ops.convert.plain_book import BUY, SELL
from ops.convert.summary import Summary

_ADDS = (ord("A"), ord("F"))
_EXECUTED, _EXECUTED_AT, _CANCEL, _DELETE, _REPLACE = (ord(kind) for kind in "ECXDU")
_SYSTEM, _ACTION, _OPERATIONAL, _TRADE, _CROSS, _BROKEN = (ord(kind) for kind in "SHhPQB")
_BUY, _SELL = ord("B"), ord("S")
_PRINTABLE, _END_OF_MESSAGES = ord("Y"), ord("C")
_HALTED, _TRADING = ord("H"), ord("T")
_STATES = {_HALTED: True, ord("P"): True, ord("Q"): True, _TRADING: False}  # whether an action code halts
_NASDAQ = ord("Q")  # the market of an operational halt


def convert(
    files: list[Path], out_dir: Path, accounts: int = 16, stocks: Sequence[str] = (), day: date | None = None
) -> Summary:
    """Convert one file: all its stocks, or only those named.

    The day is taken from the file's name (``01302019.NASDAQ_ITCH50.gz``) unless given. Raises ConfigError naming the
    file, offset and what was expected there; nothing is written then.
    """
    if len(files) != 1:
        raise ConfigError("file", f"expected one file, got {len(files)}")
    summary = Summary("itch", out_dir)
    midnight = midnight_ns(day_of(files[0], day, summary))
    with FeedFiles(out_dir, accounts, summary) as out:
        replay = _Replay(Frames(files[0]), out, frozenset(stocks), midnight)
        replay.run()
        replay.finish()
    return summary


class _Replay:
    """All markets of one file. A locate code's market is None until a message tells the stock's name."""

    def __init__(self, frames: Frames, out: FeedFiles, stocks: frozenset[str], midnight: int) -> None:
        self._frames = frames
        self._out = out
        self._summary = out.summary
        self._stocks = stocks
        self._midnight = midnight
        self._markets: list[Market | None] = [None] * (1 << 16)
        self._named: dict[str, int] = {}  # wanted stock -> locate code
        self._is_whole = False

    def run(self) -> None:
        """Pass on every message of the wanted stocks."""
        unwanted, markets = self._frames.unwanted_locate, self._markets
        for rows in self._frames.rows():
            for at, kind, locate, ts_ns, ref, side, shares, price, stock, other in rows:
                market = markets[locate]
                if market is None:
                    if kind == _SYSTEM:
                        self._is_whole |= other == _END_OF_MESSAGES
                        continue
                    if unwanted[locate]:  # since this chunk
                        continue
                    if not stock:
                        self._summary.drop("messages of a locate code that none before named")
                        continue
                    market = self._name(at, locate, stock)
                    if market is None:
                        continue
                ts_ns += self._midnight
                if kind in _ADDS:
                    if side != _BUY and side != _SELL:
                        raise ConfigError(f"{self._frames.path} offset {at}", f"expected side B or S, got {side:#04x}")
                    market.add(ref, BUY if side == _BUY else SELL, price, shares, ts_ns)
                elif kind == _DELETE:
                    market.delete(ref, ts_ns)
                elif kind == _REPLACE:
                    market.replace(ref, other, price, shares, ts_ns)
                elif kind == _EXECUTED:
                    market.execute(ref, shares, ts_ns)
                elif kind == _CANCEL:
                    market.reduce(ref, shares, ts_ns)
                else:
                    self._seldom(market, kind, ref, shares, price, other, ts_ns)

    def _seldom(self, market: Market, kind: int, ref: int, shares: int, price: int, other: int, ts_ns: int) -> None:
        if kind == _EXECUTED_AT:
            if other == _PRINTABLE:
                market.execute(ref, shares, ts_ns, price)
            else:
                self._summary.drop("executions that don't print (crosses): shares taken off without a trade")
                market.reduce(ref, shares, ts_ns)
        elif kind == _ACTION:
            self._action(market, other, ts_ns, "trading action")
        elif kind == _OPERATIONAL:
            if other >> 8 == _NASDAQ:
                self._action(market, other & 0xFF, ts_ns, "operational halt")
        elif kind == _TRADE:
            self._summary.drop("trades of hidden orders (P): they never touch the visible book")
        elif kind == _CROSS:
            self._summary.drop("crosses (Q)", int(shares > 0))
        elif kind == _BROKEN:
            self._summary.drop("broken trades (B): the trade stands")

    def _action(self, market: Market, state: int, ts_ns: int, cause: str) -> None:
        halts = _STATES.get(state)
        if halts is None:
            self._summary.drop(f"{cause}s of unknown code {chr(state)!r}")
        elif halts:
            market.halt(ts_ns, cause)
        else:
            market.resume(ts_ns, cause)

    def _name(self, at: int, locate: int, stock: int) -> Market | None:
        """The market of a locate code that is named for the first time; None where it isn't wanted."""
        try:
            name = stock.to_bytes(8).decode("ascii").rstrip()
            if self._stocks and name not in self._stocks:
                self._frames.unwanted_locate[locate] = True
                return None
            symbol = pair_name(name)
        except (OverflowError, UnicodeDecodeError, ConfigError) as error:
            raise ConfigError(f"{self._frames.path} offset {at}", f"expected a stock's name ({error})") from error
        if name in self._named:
            raise ConfigError(
                f"{self._frames.path} offset {at}",
                f"expected locate code {self._named[name]} for {name}, as before, got {locate}",
            )
        self._named[name] = locate
        market = self._markets[locate] = Market(self._out, symbol)
        return market

    def finish(self) -> None:
        """Count, compare, and put the files in place."""
        summary, frames = self._summary, self._frames
        for byte in frames.counts.nonzero()[0].tolist():
            kind = chr(byte)
            summary.messages[kind] = int(frames.counts[byte])
            if kind not in LENGTHS:
                summary.drop(f"messages of unknown type {kind!r}", summary.messages[kind])
        missing = sorted(self._stocks - self._named.keys())
        if missing:
            raise ConfigError("--symbol", f"expected stocks of {frames.path}; it has no {', '.join(missing)}")
        if not self._is_whole:
            summary.infer("the recording is cut: it has no end-of-messages event")
        markets = [market for market in self._markets if market is not None and market.listing is not None]
        if not markets:
            raise ConfigError(str(frames.path), "expected messages that place orders (A, F) of the wanted stocks")
        held = sum(len(market.held) for market in markets)
        summary.drop("orders held back to the end", held)
        summary.book_identical = held == 0
        self._out.finish(market.open_orders() for market in markets)
