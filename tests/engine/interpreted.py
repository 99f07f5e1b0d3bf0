"""The engine's kernels as the plain Python that they are written in, on the same raw memory, every access checked.

`pytest -p tests.engine.interpreted tests/engine/test_cases.py tests/engine/test_model.py` runs these tests so; in a
script: import this before anything that imports numba. Nothing is compiled: it starts at once, and runs some fifty
times slower. Beyond what compiled kernels can notice, an AssertionError says that

- an order, level, page, account, … was looked up by a slot that its table does not have, or by slot 0, nobody's;
- a word was read or written outside the engine's tables, its events and the commands it was given;
- an index of a page's children is not within 0…63;
- a number was stored that its field does not hold (bit sets and hashes may lose their upper bits, as 64-bit words do).

Integers of Python are longer than words: `<<` is cut to 64 bits, and so are hashes where they are shifted right;
elsewhere a word too long would be noticed when it is stored. Checksums of records stay 0: nothing here reads them.
"""

import ast
import os
import sys

assert "numba" not in sys.modules, "import tests.engine.interpreted before numba: kernels are compiled already"
os.environ["NUMBA_DISABLE_JIT"] = "1"

import ctypes  # noqa: E402
import weakref  # noqa: E402
from bisect import bisect_right  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader  # noqa: E402
from types import CodeType, ModuleType  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402

import ringbuf.jit  # noqa: E402  (before numba)

WORD = (1 << 64) - 1


def shift_left(word: int, count: int) -> int:
    """The 64 bits that `<<` leaves of an i64."""
    bits = (int(word) << int(count)) & WORD
    return bits - (bits >> 63 << 64)


class _Shifts(ast.NodeTransformer):
    """`a << b` becomes `shift_left(a, b)`."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if (
            not isinstance(node.op, ast.LShift)
            or isinstance(node.right, ast.Constant)
            and isinstance(node.left, ast.Constant)
        ):
            return node
        return ast.copy_location(ast.Call(ast.Name("shift_left", ast.Load()), [node.left, node.right], []), node)


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        tree = _Shifts().visit(ast.parse(self.get_data(self.path)))
        return compile(ast.fix_missing_locations(tree), self.path, "exec")

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["shift_left"] = shift_left
        super().exec_module(module)


class _EngineFinder:
    """Finds the engine's modules, to be loaded with shifts cut to words."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name.startswith("engine.") else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(name, spec.loader.path)
        return spec


sys.meta_path.insert(0, _EngineFinder)  # type: ignore[arg-type]

# isort: split
import engine.memory  # noqa: E402
import ringbuf.atomics  # noqa: E402
import ringbuf.checksum  # noqa: E402
import ringbuf.fields  # noqa: E402
from ringbuf.records import RECORD_SIZE, RECORDS  # noqa: E402

CTYPES = {"i8": ctypes.c_int64, "u8": ctypes.c_uint64, "u4": ctypes.c_uint32, "u2": ctypes.c_uint16,
          "u1": ctypes.c_uint8}  # fmt: skip
BIT_SETS = ("bits", "client_window")  # their top bit is the sign


class Region(NamedTuple):
    """A stretch of memory that kernels may touch: a table of records, or just bytes (step 0)."""

    start: int
    end: int
    name: str
    step: int
    first: int  # slots below are never used


class Memory:
    """What kernels may touch now."""

    def __init__(self) -> None:
        self._regions: dict[int, Region] = {}
        self._starts: list[int] = []
        self.records: dict[tuple[int, int], str] = {}  # (address, size) looked at before → its table

    def add(self, region: Region, owner: object) -> None:
        """Lend a region for as long as its owner lives."""
        self._regions[region.start] = region
        self._starts = sorted(self._regions)
        weakref.finalize(owner, self.remove, region.start)

    def remove(self, start: int) -> None:
        self._regions.pop(start, None)
        self._starts = sorted(self._regions)
        self.records.clear()

    @contextmanager
    def lent(self, start: int, size: int, name: str) -> Iterator[None]:
        """Lend some bytes for the time of a call."""
        self._regions[start] = Region(start, start + size, name, 0, 0)
        self._starts = sorted(self._regions)
        try:
            yield
        finally:
            del self._regions[start]
            self._starts = sorted(self._regions)

    def region(self, address: int, size: int) -> Region:
        at = bisect_right(self._starts, address) - 1
        found = self._regions[self._starts[at]] if at >= 0 else None
        assert found is not None and address + size <= found.end, f"{size} bytes at {address} are in no table"
        return found

    def check_record(self, address: int, size: int, table: str) -> None:
        """A record of that table, or, where `table` is "", anything that is within one."""
        region = self.region(address, size)
        if table:
            slot, rest = divmod(address - region.start, size)
            assert region.name == table and rest == 0, (
                f"no record of {table}: byte {rest} of slot {slot}, {region.name}"
            )
            assert slot >= region.first, f"slot {slot} of {table} is nobody's"
        if region.step != 0:
            self.records[address, size] = table


MEMORY = Memory()


class Children:
    """The array in a record."""

    def __init__(self, address: int, kind: Any, count: int) -> None:
        self._address, self._kind, self._count = address, kind, count

    def _at(self, index: int) -> Any:
        assert 0 <= index < self._count, f"index {index} of {self._count}"
        return self._kind.from_address(self._address + int(index) * ctypes.sizeof(self._kind))

    def __getitem__(self, index: int) -> int:
        return int(self._at(index).value)

    def __setitem__(self, index: int, value: int) -> None:
        self._at(index).value = value


def _field(name: str, dtype: np.dtype, offset: int, anywhere: bool) -> property:
    if dtype.subdtype is not None:
        item, (count,) = dtype.subdtype
        return property(lambda self: Children(self.address + offset, CTYPES[item.str[1:]], count))
    kind = CTYPES[dtype.str[1:]]
    at = kind.from_address
    least, most = (-(1 << 63), (1 << 63) - 1) if dtype.kind == "i" else (0, (1 << 8 * dtype.itemsize) - 1)
    wraps = name in BIT_SETS

    def get(self: Any) -> int:
        if anywhere:
            MEMORY.region(self.address + offset, dtype.itemsize)
        return at(self.address + offset).value  # type: ignore[no-any-return]

    def put(self: Any, value: int) -> None:
        if anywhere:
            MEMORY.region(self.address + offset, dtype.itemsize)
        assert wraps or least <= value <= most, f"{name} can't hold {value}"
        at(self.address + offset).value = int(value)

    return property(get, put)


TABLES = {"ORDER": "orders", "TERMS": "terms", "LEVEL": "levels", "NODE": "nodes", "INSTRUMENT": "instruments",
          "ASSET": "assets", "ACCOUNT": "accounts", "BALANCE": "balances"}  # fmt: skip
SLOT_0_IS_NOBODY = ("orders", "terms", "levels", "nodes")


def _table_of(dtype: np.dtype) -> str:
    """Where records of a dtype stand; "" where in no table of their own."""
    state = sys.modules["engine.state"]
    return next((table for name, table in TABLES.items() if getattr(state, name) is dtype), "")


def record_at(dtype: np.dtype) -> Callable[[int], Any]:
    """As `ringbuf.fields.record_at`."""
    plain, moves = ringbuf.fields._plain(dtype), any(dtype is record for record in RECORDS.values())
    fields = {name: _field(name, plain[name], (plain.fields or {})[name][1], moves) for name in plain.names or ()}

    def made(self: Any, address: int) -> None:
        self.address = address

    record = type("Record", (), {"__slots__": ("address",), "__init__": made, **fields})
    size, table, known = dtype.itemsize, "?", MEMORY.records

    def at(address: int) -> Any:
        nonlocal table
        if table == "?":
            table = _table_of(dtype)
        address = int(address)
        if moves:  # a command or event: looked at field by field
            return record(address)
        if known.get((address, size)) != table:
            MEMORY.check_record(address, size, table)
        return record(address)

    return at


def load_i64(address: int) -> int:
    MEMORY.region(address, 8)
    return ctypes.c_int64.from_address(int(address)).value


def store_i64(address: int, value: int) -> None:
    MEMORY.region(address, 8)
    ctypes.c_int64.from_address(int(address)).value = int(value)


def lowest_bit(word: int) -> int:
    assert word != 0, "no bit is set"
    return (word & WORD & -(word & WORD)).bit_length() - 1


def shift_right(word: int, count: int) -> int:
    assert 0 <= count <= 63, f"shift by {count}"
    return (word & WORD) >> count


def swap_bytes(word: int) -> int:
    return int.from_bytes((word & WORD).to_bytes(8, "little"), "big", signed=True)


def low_u32(value: int) -> int:
    return value & 0xFFFFFFFF


for _made in (load_i64, store_i64, lowest_bit, shift_right, swap_bytes, low_u32):
    setattr(engine.memory, _made.__name__, _made)
ringbuf.jit.outline_of = lambda signature: lambda function: function
ringbuf.fields.record_at = record_at
ringbuf.atomics.prefetch_write = lambda address: None
ringbuf.checksum.crc32c_record = lambda address: 0

# isort: split
import engine.core  # noqa: E402
import engine.state  # noqa: E402


class _State(engine.state.State):
    def __init__(self, limits: Any, seed: int = 0) -> None:
        super().__init__(limits, seed)
        sizes = {table: getattr(engine.state, name).itemsize for name, table in TABLES.items()}
        counts = {"orders": limits.max_orders, "terms": limits.max_orders, "levels": limits.max_levels,
                  "nodes": limits.max_nodes, "instruments": limits.max_instruments, "assets": limits.max_assets,
                  "lanes": engine.state.MAX_LANES, "expiring": limits.max_orders}  # fmt: skip
        for name, mask in (("accounts", "account"), ("balances", "balance"), ("ids", "id"), ("clients", "client"),
                           ("busted", "busted")):  # fmt: skip
            counts[name] = int(self.record[f"{mask}_mask"]) + 1
        for name, table in self.tables.items():
            start, step = table.ctypes.data, sizes.get(name, 8)
            size = counts[name] * step
            MEMORY.add(Region(start, start + size, name, step, int(name in SLOT_0_IS_NOBODY)), self)
        size = self.header.itemsize
        MEMORY.add(Region(self.address, self.address + size, "header", size, 0), self)


class _Engine(engine.core.Engine):
    def __init__(self, limits: Any = None, seed: int = 0) -> None:
        super().__init__(limits, seed)
        for name, array in (("events", self._slots), ("out", self._out)):
            start = array.ctypes.data
            MEMORY.add(Region(start, start + array.nbytes, name, array.itemsize, 0), self)


_run_commands, _apply_events = engine.core.run_commands, engine.fold.apply_events


def run_commands(state: int, out: int, commands: int, count: int, room: int) -> int:
    with MEMORY.lent(commands, count * RECORD_SIZE, "commands"):
        return int(_run_commands(state, out, commands, count, room))


def apply_events(state: int, events: int, count: int) -> int:
    with MEMORY.lent(events, count * RECORD_SIZE, "events given"):
        return int(_apply_events(state, events, count))


engine.state.State = _State  # type: ignore[misc]
engine.fold.State = _State  # type: ignore[misc]
engine.core.State = _State  # type: ignore[misc]
engine.core.Engine = _Engine  # type: ignore[misc]
engine.core.run_commands = run_commands
engine.fold.apply_events = apply_events
