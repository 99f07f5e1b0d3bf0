"""A small venue that trades at random, seen as a LOBSTER recording sees it: from some moment on, some levels deep."""

from random import Random

from ops.convert.plain_book import BUY, SELL, PlainBook

DIRECTIONS = ("1", "-1")
NO_LEVEL = 9_999_999_999


class LobsterVenue:
    """`messages` and `books` are rows as text; `executions` is (resting side, price, shares) of what was seen."""

    def __init__(self, seed: int, levels: int) -> None:
        self.rng = Random(seed)
        self.levels = levels
        self.book = PlainBook()
        self.messages: list[str] = []
        self.books: list[str] = []
        self.executions: list[tuple[int, int, int]] = []
        self.recording = False
        self._ns = 34_200_000_000_000
        self._refs = 0

    def run(self, unseen: int, seen: int) -> None:
        """Things that members do, first unseen, then seen."""
        for step in range(unseen + seen):
            self.recording = step >= unseen
            self._ns += self.rng.randint(1, 10**9)
            self._step()

    def row(self) -> str:
        """The book as the orderbook file writes it."""
        cells = []
        sides = [self._totals(side) for side in (SELL, BUY)]
        for level in range(self.levels):
            for totals, absent in zip(sides, (NO_LEVEL, -NO_LEVEL), strict=True):
                price, shares = totals[level] if level < len(totals) else (absent, 0)
                cells += [str(price), str(shares)]
        return ",".join(cells)

    def _totals(self, side: int) -> list[tuple[int, int]]:
        prices = sorted(self.book.prices(side), reverse=side == BUY)[: self.levels]
        return [(p, sum(self.book.orders[ref][2] for ref in self.book.level(side, p))) for p in prices]

    def _tell(self, kind: int, ref: int, shares: int, price: int, side: int, before: str) -> None:
        """Write a message if the book changed as far as it is seen, or if it says nothing about the book."""
        after = self.row()
        if self.recording and (after != before or kind in (5, 7)):
            seconds, ns = divmod(self._ns, 10**9)
            self.messages.append(f"{seconds}.{ns:09},{kind},{ref},{shares},{price},{DIRECTIONS[side]}")
            self.books.append(after)
            if kind == 4:
                self.executions.append((side, price, shares))

    def _step(self) -> None:
        book, rng, before = self.book, self.rng, self.row()
        refs, what = list(book.orders), rng.random()
        if what < 0.5 or len(refs) < 20:
            side = rng.choice((BUY, SELL))
            away = rng.randint(-3, 12)
            self._order(side, 1_000_000 + (-100 if side == BUY else 100) * away, rng.choice((1, 7, 100, 100, 250)))
        elif what < 0.78:
            ref = rng.choice(refs)
            side, price, leaves = book.orders[ref]
            off = leaves if rng.random() < 0.7 else rng.randint(1, leaves)
            book.reduce(ref, off)
            self._tell(3 if off == leaves else 2, ref, off, price, side, before)
        elif what < 0.82:
            self._tell(5, 0, rng.randint(1, 100), 1_000_050, BUY, before)
        else:
            side = rng.choice((BUY, SELL))
            best = book.best(1 - side)
            if best is not None:
                self._order(side, best + (200 if side == BUY else -200), rng.randint(1, 500))

    def _order(self, side: int, price: int, shares: int) -> None:
        """Executions one by one, then what rests."""
        self._refs += 1
        book = self.book
        while shares and book.would_cross(side, price):
            before, maker = self.row(), book.first(1 - side)
            assert maker is not None
            _, at, leaves = book.orders[maker]
            filled = min(shares, leaves)
            book.reduce(maker, filled)
            shares -= filled
            self._tell(4, maker, filled, at, 1 - side, before)
        if shares:
            before = self.row()
            book.rest(self._refs, side, price, shares)
            self._tell(1, self._refs, shares, price, side, before)
