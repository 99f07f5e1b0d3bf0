"""Builds NASDAQ TotalView-ITCH 5.0 frames from the specification, independently of the converter's tables."""

from struct import pack

PRICE_ONE = 10_000  # one dollar
SECOND = 1_000_000_000
OPEN_NS = 34_200 * SECOND  # 09:30


def frame(message: bytes) -> bytes:
    """A message behind its two bytes of length."""
    return pack(">H", len(message)) + message


class ItchBuilder:
    """Collects frames. Time runs on by 1 µs a message; stocks get locate codes as the directory names them."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.now = OPEN_NS
        self.locates: dict[str, int] = {}
        self._match = 0

    @property
    def content(self) -> bytes:
        """The file so far."""
        return b"".join(self.frames)

    def raw(self, kind: str, body: bytes, locate: int = 0, same_time: bool = False) -> "ItchBuilder":
        """Any message: type, locate, tracking number 0, 48-bit time, body."""
        if not same_time:
            self.now += 1_000
        header = kind.encode("latin-1") + pack(">HH", locate, 0) + self.now.to_bytes(6)
        self.frames.append(frame(header + body))
        return self

    def _next_match(self) -> bytes:
        self._match += 1
        return pack(">Q", self._match)

    def system(self, event: str) -> "ItchBuilder":
        """S: O start of messages … C end of messages."""
        return self.raw("S", event.encode())

    def directory(self, stock: str) -> "ItchBuilder":
        """R: the stock's locate code."""
        self.locates[stock] = len(self.locates) + 1
        body = stock.ljust(8).encode() + b"Q" + b"N" + pack(">I", 100) + b"N" + b"C" + b"Z " + b"P" + b"N" + b"N" + b"1"
        return self.raw("R", body + b"N" + pack(">I", 0) + b"N", self.locates[stock])

    def action(self, stock: str, state: str) -> "ItchBuilder":
        """H: H halted, P paused, Q quotes only, T trading."""
        return self.raw("H", stock.ljust(8).encode() + state.encode() + b" " + b"T1  ", self.locates[stock])

    def operational(self, stock: str, market: str, action: str) -> "ItchBuilder":
        """h: one market's own halt."""
        return self.raw("h", stock.ljust(8).encode() + market.encode() + action.encode(), self.locates[stock])

    def add(self, stock: str, ref: int, side: str, shares: int, price: int, mpid: bool = False) -> "ItchBuilder":
        """A, or F where attributed."""
        body = pack(">Q", ref) + side.encode() + pack(">I", shares) + stock.ljust(8).encode() + pack(">I", price)
        return self.raw("F" if mpid else "A", body + (b"GSCO" if mpid else b""), self.locates[stock])

    def executed(self, stock: str, ref: int, shares: int, same_time: bool = False) -> "ItchBuilder":
        """E: at the order's own price."""
        body = pack(">QI", ref, shares) + self._next_match()
        return self.raw("E", body, self.locates[stock], same_time)

    def executed_at(self, stock: str, ref: int, shares: int, price: int, printable: bool = True) -> "ItchBuilder":
        """C: at another price."""
        body = pack(">QI", ref, shares) + self._next_match() + (b"Y" if printable else b"N") + pack(">I", price)
        return self.raw("C", body, self.locates[stock])

    def cancel(self, stock: str, ref: int, shares: int) -> "ItchBuilder":
        """X: so many shares less."""
        return self.raw("X", pack(">QI", ref, shares), self.locates[stock])

    def delete(self, stock: str, ref: int) -> "ItchBuilder":
        """D."""
        return self.raw("D", pack(">Q", ref), self.locates[stock])

    def replace(self, stock: str, ref: int, new_ref: int, shares: int, price: int) -> "ItchBuilder":
        """U."""
        return self.raw("U", pack(">QQII", ref, new_ref, shares, price), self.locates[stock])

    def hidden_trade(self, stock: str, shares: int, price: int) -> "ItchBuilder":
        """P: of an order that was never shown."""
        body = pack(">Q", 0) + b"B" + pack(">I", shares) + stock.ljust(8).encode() + pack(">I", price)
        return self.raw("P", body + self._next_match(), self.locates[stock])

    def cross(self, stock: str, shares: int, price: int) -> "ItchBuilder":
        """Q: opening cross."""
        body = pack(">Q", shares) + stock.ljust(8).encode() + pack(">I", price) + self._next_match() + b"O"
        return self.raw("Q", body, self.locates[stock])

    def broken(self, stock: str, match: int) -> "ItchBuilder":
        """B: an execution is undone."""
        return self.raw("B", pack(">Q", match), self.locates[stock])
