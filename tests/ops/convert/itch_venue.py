"""A small venue that trades at random and tells it as ITCH would: what the converter must find again."""

from random import Random

from ops.convert.plain_book import BUY, SELL, PlainBook
from tests.ops.convert.itch_builder import ItchBuilder

_WORDS = ("B", "S")


class ItchVenue:
    """Price-time books of some stocks; `executions` is (stock, maker's ref, price, shares) in order."""

    def __init__(self, seed: int, stocks: tuple[str, ...]) -> None:
        self.rng = Random(seed)
        self.out = ItchBuilder().system("O")
        self.books = {stock: PlainBook() for stock in stocks}
        self.executions: list[tuple[str, int, int, int]] = []
        self._refs = 0
        for stock in stocks:
            self.out.directory(stock)
        self.out.system("Q")

    def run(self, steps: int) -> bytes:
        """So many things that members do, on random stocks; the whole file."""
        stocks = list(self.books)
        for _ in range(steps):
            self._step(self.rng.choice(stocks))
        return self.out.system("C").content

    def _step(self, stock: str) -> None:
        book, rng, out = self.books[stock], self.rng, self.out
        refs, what = list(book.orders), rng.random()
        if what < 0.5 or not refs:
            self._enter(stock)
        elif what < 0.7:
            ref = rng.choice(refs)
            book.remove(ref)
            out.delete(stock, ref)
        elif what < 0.8:
            ref = rng.choice(refs)
            leaves = book.orders[ref][2]
            if leaves > 1:
                off = rng.randint(1, leaves - 1)
                book.reduce(ref, off)
                out.cancel(stock, ref, off)
        elif what < 0.9:
            ref = rng.choice(refs)
            side, price, _ = book.orders[ref]
            price += 100 * rng.randint(-2, 2)
            book.remove(ref)
            if book.would_cross(side, price):
                out.delete(stock, ref)
                return
            self._refs += 1
            shares = rng.randint(1, 300)
            book.rest(self._refs, side, price, shares)
            out.replace(stock, ref, self._refs, shares, price)
        elif what < 0.92:
            out.hidden_trade(stock, rng.randint(1, 300), 1_000_050)
        else:
            self._take(stock)

    def _enter(self, stock: str) -> None:
        side = self.rng.choice((BUY, SELL))
        price = 1_000_000 + 100 * (self.rng.randint(-12, 3) if side == BUY else self.rng.randint(-3, 12))
        self._order(stock, side, price, self.rng.choice((1, 7, 100, 100, 250)))

    def _take(self, stock: str) -> None:
        side = self.rng.choice((BUY, SELL))
        best = self.books[stock].best(1 - side)
        if best is not None:
            self._order(stock, side, best + (300 if side == BUY else -300), self.rng.randint(1, 900))

    def _order(self, stock: str, side: int, price: int, shares: int) -> None:
        """Executions first, all of one instant, then what rests as a new order."""
        self._refs += 1
        book = self.books[stock]
        for number, (maker, at, filled) in enumerate(book.enter(self._refs, side, price, shares)):
            self.executions.append((stock, maker, at, filled))
            self.out.executed(stock, maker, filled, same_time=number > 0)
            shares -= filled
        if shares:
            self.out.add(stock, self._refs, _WORDS[side], shares, price, mpid=self.rng.random() < 0.1)
