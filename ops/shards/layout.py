"""DATA/shards.json: how many shards a data directory has; which shard has what, and its numbers' names outside.

A shard is a whole pipeline of its own in DATA/shard-K. Inside, each counts its sequences and instruments by itself; one
rule makes every such number one of all N shards, and back, without a table:

    outside = inside x N + K        K = outside mod N        inside = outside div N

It holds for instrument ids, sequences and order ids (which are sequences). Instrument i of the instruments file is
instrument i div N of shard i mod N, so the ids outside are those that one engine would give. Assets stand on every
shard under one id. Sequence 0, which means none, stays 0.

Client ids are doubled inside: the even ones are the clients', the odd ones are left to transfers, which so never take
an id that a client may still use. A shard's window of 64 remembers the last 32 ids of an account.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.catalog import LISTING_FIELDS, Catalog
from config.errors import ConfigError

FILE = "shards.json"
MOST = 100
PORT_STEP = 20  # between the ports of two shards; the first PORT_STEP are those of the outside
CLIENT_ID_STEP = 2  # between two client ids inside
MAX_CLIENT_ID = (1 << 62) - 1  # outside
PLACEHOLDER = "{shard}"  # in a setting that names a place outside of DATA, so that each shard has its own


@dataclass(frozen=True)
class Shards:
    """The shards of a data directory. epoch: of the history that they are the parts of."""

    data: Path
    count: int
    epoch: int

    def folder(self, shard: int) -> Path:
        """The data directory of a shard."""
        return self.data / f"shard-{shard}"

    @property
    def folders(self) -> list[Path]:
        """The data directories of all."""
        return [self.folder(shard) for shard in range(self.count)]

    def outside(self, inside: int, shard: int) -> int:
        """A sequence or order id of a shard as it is called outside."""
        return inside * self.count + shard if inside else 0

    def inside(self, outside: int) -> tuple[int, int]:
        """(shard, its own number) of a sequence, order id or instrument id."""
        return outside % self.count, outside // self.count

    def home(self, account: int) -> int:
        """The shard that an account's deposits and withdrawals go to."""
        return account % self.count


def read_shards(data: Path) -> Shards | None:
    """The shards of a data directory; None where it is that of one pipeline. ConfigError where the file is spoilt."""
    try:
        found = json.loads((data / FILE).read_text())
        return Shards(data, int(found["shards"]), int(found["epoch"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(FILE, f"expected what `up --shards` wrote in {data}: {error!r}") from error


def require_shards(data: Path) -> Shards:
    """The same; ConfigError where there are none."""
    found = read_shards(data)
    if found is None:
        raise ConfigError("--data", f"{data} has no shards: `up --shards N` makes them")
    return found


def open_shards(data: Path, wanted: int | None) -> Shards:
    """The shards of a directory, made where it has none; `wanted` None: as many as there are. Raises ConfigError."""
    found = read_shards(data)
    if found is not None:
        if wanted not in (None, found.count):
            raise ConfigError("--shards", f"expected {found.count}, as {data} has, not {wanted}: ids go by the number")
        return found
    if wanted is None or not 2 <= wanted <= MOST:
        raise ConfigError("--shards", f"expected 2 to {MOST}, not {wanted}")
    if (data / "journal").exists():
        raise ConfigError("--data", f"{data} holds the history of one engine: shards begin in an empty directory")
    made = Shards(data, wanted, time.time_ns())
    temporary = data / f"{FILE}.{os.getpid()}"
    with temporary.open("w") as file:
        json.dump({"shards": made.count, "epoch": made.epoch}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(data / FILE)
    return made


def name_of(name: str, shard: int) -> str:
    """The name of a shard's shared memory."""
    return f"{name}-{shard}"


def port_base_of(port_base: int, shard: int) -> int:
    """The first of a shard's own ports."""
    return port_base + PORT_STEP * (shard + 1)


def instruments_of(catalog: Catalog, shards: Shards, shard: int) -> Catalog:
    """What a shard's history begins with: every asset, and its part of the instruments."""
    part = Catalog()
    for asset in catalog.assets:
        part.add_asset(asset.name, asset.decimals)
    for one in catalog.instruments[shard :: shards.count]:
        terms = {name: getattr(one, name) for name in LISTING_FIELDS}
        part.add_instrument(one.symbol, one.base, one.quote, terms)
    return part


def renamed(answer: Any, shards: Shards, shard: int) -> Any:
    """A shard's JSON answer with its sequences and order ids as they are called outside."""
    if isinstance(answer, dict):
        return {key: _renamed_value(key, value, shards, shard) for key, value in answer.items()}
    if isinstance(answer, list):
        return [renamed(value, shards, shard) for value in answer]
    return answer


def _renamed_value(key: str, value: Any, shards: Shards, shard: int) -> Any:
    if type(value) is int and key in _SEQUENCES:
        return shards.outside(value, shard)
    if type(value) is int and key in _CLIENT_IDS:
        return value // CLIENT_ID_STEP
    return renamed(value, shards, shard)


_CLIENT_IDS = frozenset(("client_id", "request_id", "orig_client_id", "oco_client_id"))
_SEQUENCES = frozenset(
    ("seq", "prev", "order_id", "maker_order_id", "pair_order_id", "oco_order_id", "trade_seq", "taker_order_id")
)
