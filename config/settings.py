"""Settings: frozen dataclasses with a default for every field, a profile's TOML over them, the user's file over that.

`load(profile, file)` refuses unknown keys and wrong types with a ConfigError that names the field. What a setting
means stands beside it; which values a host wants stands in `config/laptop.toml` and `config/baremetal.toml`.
"""

import dataclasses
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.errors import ConfigError

PROFILES = ("laptop", "baremetal")
DURABILITIES = ("memory", "journal", "fsync")
BEHIND_SNAPSHOTS = ("keep", "archive", "remove")
WAITS = ("spin", "yield", "sleep", "futex")
# Least and most of what memory or the engine's arithmetic bounds. max_events: a bust with two suspensions fits.
BOUNDS = {
    "engine.max_orders": (1, 1 << 26),
    "engine.max_levels": (1, 1 << 24),
    "engine.max_accounts": (1, 1 << 26),
    "engine.max_balances": (1, 1 << 27),
    "engine.max_instruments": (1, 1 << 20),
    "engine.max_assets": (1, 1 << 20),
    "engine.max_events": (512, 1 << 24),
    "entry.silent_ms": (1000, 1 << 31),
    "ring.capacity": (64, 1 << 28),
    "ring.market_capacity": (64, 1 << 28),
    "ring.lane_capacity": (64, 1 << 24),
    "ring.lanes": (8, 256),
    "journal.blocks": (1, 1 << 16),
    "consumers.map_gb": (1, 1 << 15),
    "gateway.processes": (1, 8),
}
SINK_NAME = re.compile(r"[a-z0-9_-]{1,27}")
SINK_NAME_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,48}")
SINK_TABLES = ("events", "trades", "orders", "ledger")
SINK_PREFIX = "sink-"  # of its consumer's name
SINK_KINDS = ("redis", "mysql", "postgresql", "mongodb", "kafka", "parquet", "webhook")


@dataclass(frozen=True)
class EngineSettings:
    """The matching process. `pin`: a core of its own, where there is more than one."""

    durability: str = "journal"
    wait: str = "futex"
    pin: bool = False
    max_orders: int = 1 << 18
    max_levels: int = 1 << 17  # prices with orders, of all symbols and sides together
    max_accounts: int = 1 << 17
    max_balances: int = 1 << 18
    max_instruments: int = 1 << 12
    max_assets: int = 1 << 10
    max_events: int = 16384  # that one command may emit; at most a quarter of the ring

    @property
    def max_account_orders(self) -> int:
        """Open orders of one account: those of two fit one command, as a bust may suspend both of its parties."""
        return (self.max_events - 384) // 2


@dataclass(frozen=True)
class EntrySettings:
    """silent_ms: a session that asked for cancel on disconnect counts as gone when nothing came from it so long.

    kafka: a topic of commands, kafka://HOST:PORT?topic=NAME; "" = none.
    keys: a session has to say hello with an API key and its secret first, see engine/entry/access.py.
    """

    silent_ms: int = 5000
    kafka: str = ""
    keys: bool = False


@dataclass(frozen=True)
class RingSettings:
    """Sizes of shared memory, in records; powers of two."""

    capacity: int = 1 << 17
    market_capacity: int = 1 << 16
    lanes: int = 16
    lane_capacity: int = 4096


@dataclass(frozen=True)
class JournalSettings:
    """blocks: 64 KB blocks in a segment file. sync_us: fsync mode syncs at most so often.

    behind_snapshots: what happens to segments behind the oldest snapshot that no consumer needs any more: keep;
    archive, compressed, in DATA/journal/archive, or where `archive` says (absolute, one history a place); remove.
    """

    blocks: int = 1024
    sync_us: int = 1000
    wait: str = "futex"
    behind_snapshots: str = "keep"
    archive: str = ""


@dataclass(frozen=True)
class ConsumerSettings:
    """wait: of the quick ones (publisher, market data, risk); bulk_wait: of those that commit to disk.

    batch: records a batch at most. commit_ms: a consumer with work commits at least so often.
    map_gb: size of an LMDB map (address space, not memory).
    """

    wait: str = "futex"
    bulk_wait: str = "sleep"
    batch: int = 16384
    commit_ms: int = 20
    map_gb: int = 64


@dataclass(frozen=True)
class SnapshotSettings:
    """The replica writes a snapshot after so many events or seconds with something new, and keeps the newest few."""

    events: int = 2_000_000
    seconds: int = 300
    keep: int = 3


@dataclass(frozen=True)
class SupervisorSettings:
    """hung_s: a process that says it works and has shown no life for so long is killed and replaced."""

    hung_s: int = 30


@dataclass(frozen=True)
class RiskSettings:
    """Limits of each account; 0 = no limit. Without limits risk only alerts.

    Quantities in lots and notionals in minor units of the quote asset, as in the events.
    """

    max_order_lots: int = 0
    max_order_notional: int = 0
    max_open_orders: int = 0
    max_orders_per_s: int = 0
    price_collar_ppm: int = 0
    wash_trade_window_s: int = 60  # alert: accounts that trade with each other back and forth
    cancel_ratio_percent: int = 98  # alert: so many of an account's orders end cancelled …
    cancel_ratio_orders: int = 1000  # … of at least so many


@dataclass(frozen=True)
class SinkSettings:
    """One outside store; its consumer is called sink-NAME. What a kind has no use for is refused: see docs/sinks.md.

    prefix: of topics, keys and collections. tables: what SQL stores keep, of events, trades, orders, ledger.
    format: of Kafka's values, json or binary (128-byte records). keep: entries of a Redis stream, 0 = all.
    batch: events a write at most, 0 = as its kind does best.
    """

    name: str = ""
    kind: str = ""
    url: str = ""
    prefix: str = "matchline"
    tables: str = "events,trades"
    format: str = "json"
    keep: int = 0
    batch: int = 0


@dataclass(frozen=True)
class PortSettings:
    """base: first port. host: where sockets bind; anything but loopback needs CURVE keys."""

    base: int = 5550
    host: str = "127.0.0.1"


@dataclass(frozen=True)
class StandbySettings:
    """host: where followers on other hosts reach this primary, "" = nowhere. Beyond loopback it takes CURVE keys.

    required: nothing counts as durable before the follower has it, too.
    """

    host: str = ""
    required: bool = False


@dataclass(frozen=True)
class GatewaySettings:
    """run: whether the gateway, and the admin API beside it, run at all. host: where REST and WebSocket are served.
    processes: how many gateways share its port; the kernel hands each connection to one of them.

    The limits are Binance's, counted by each gateway process for itself.
    weight_per_minute: request weight of one address. orders_per_10s, orders_per_day: new orders of one account.
    connections_per_5m: WebSockets that one address may open in five minutes.
    connections, connections_per_address: TCP connections at once, of all and of one address.
    tls_certificate, tls_key: PEM files, the chain and its private key: https and wss only, of the admin API, too.
    Beyond loopback it takes them.
    demo: whoever opens the page gets a funded account for the asking, and may kill consumers; on loopback only.
    """

    run: bool = True
    host: str = "127.0.0.1"
    processes: int = 1
    weight_per_minute: int = 6000
    orders_per_10s: int = 100
    orders_per_day: int = 200_000
    connections_per_5m: int = 300
    connections: int = 8192
    connections_per_address: int = 1024
    tls_certificate: str = ""
    tls_key: str = ""
    demo: bool = False


@dataclass(frozen=True)
class Settings:
    """Everything that can be configured."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    entry: EntrySettings = field(default_factory=EntrySettings)
    ring: RingSettings = field(default_factory=RingSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    consumers: ConsumerSettings = field(default_factory=ConsumerSettings)
    snapshots: SnapshotSettings = field(default_factory=SnapshotSettings)
    supervisor: SupervisorSettings = field(default_factory=SupervisorSettings)
    risk: RiskSettings = field(default_factory=RiskSettings)
    ports: PortSettings = field(default_factory=PortSettings)
    standby: StandbySettings = field(default_factory=StandbySettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    sinks: tuple[SinkSettings, ...] = ()


def load(profile: str = "laptop", file: Path | None = None) -> Settings:
    """Defaults, then the profile, then the user's file. Raises ConfigError naming the field."""
    if profile not in PROFILES:
        raise ConfigError("--profile", f"expected {' or '.join(PROFILES)}, not {profile!r}")
    settings = _overlay(Settings(), _read(Path(__file__).parent / f"{profile}.toml"))
    if file is not None:
        settings = _overlay(settings, _read(file))
    _check(settings)
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError("--config", f"{path} can't be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("--config", f"{path} is no TOML: {error}") from error


def _overlay(settings: Settings, tables: dict[str, Any]) -> Settings:
    changes: dict[str, Any] = {}
    sections = [item.name for item in dataclasses.fields(Settings) if item.name != "sinks"]
    for name, table in tables.items():
        if name == "sink":
            changes["sinks"] = _sinks(table)
        elif name not in sections:
            raise ConfigError(name, f"unknown; expected one of {', '.join([*sections, 'sink'])}")
        elif not isinstance(table, dict):
            raise ConfigError(name, f"expected a table [{name}]")
        else:
            changes[name] = _section(getattr(settings, name), table, name)
    return dataclasses.replace(settings, **changes)


def _sinks(tables: Any) -> tuple[SinkSettings, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError("sink", "expected tables [[sink]]")
    return tuple(_section(SinkSettings(), table, f"sink[{number}]") for number, table in enumerate(tables))


def _section(section: Any, table: dict[str, Any], where: str) -> Any:
    kinds = typing.get_type_hints(type(section))
    for key, value in table.items():
        if key not in kinds:
            raise ConfigError(f"{where}.{key}", f"unknown; expected one of {', '.join(kinds)}")
        kind = kinds[key]
        assert not isinstance(kind, types.GenericAlias)
        if type(value) is not kind:  # bool is an int to isinstance
            raise ConfigError(f"{where}.{key}", f"expected {kind.__name__}, not {value!r}")
    return dataclasses.replace(section, **table)


def _check(settings: Settings) -> None:
    """Values that types can't express."""
    _one_of("engine.durability", settings.engine.durability, DURABILITIES)
    _one_of("journal.behind_snapshots", settings.journal.behind_snapshots, BEHIND_SNAPSHOTS)
    if settings.journal.archive and settings.journal.behind_snapshots != "archive":
        raise ConfigError("journal.archive", 'expected only with journal.behind_snapshots = "archive"')
    for name, value in (
        ("engine.wait", settings.engine.wait),
        ("journal.wait", settings.journal.wait),
        ("consumers.wait", settings.consumers.wait),
        ("consumers.bulk_wait", settings.consumers.bulk_wait),
    ):
        _one_of(name, value, WAITS)
    for section in ("engine", "ring", "journal", "consumers", "snapshots", "supervisor", "gateway"):
        for key, value in vars(getattr(settings, section)).items():
            if type(value) is int and value <= 0:
                raise ConfigError(f"{section}.{key}", f"expected above 0, not {value}")
    for name, (least, most) in BOUNDS.items():
        section, _, key = name.partition(".")
        value = getattr(getattr(settings, section), key)
        if not least <= value <= most:
            raise ConfigError(name, f"expected {least} to {most}, not {value}")
    for key, value in vars(settings.risk).items():
        if value < 0:
            raise ConfigError(f"risk.{key}", f"expected 0 (no limit) or more, not {value}")
    for key in ("capacity", "market_capacity", "lane_capacity"):
        value = getattr(settings.ring, key)
        if value & (value - 1):
            raise ConfigError(f"ring.{key}", f"expected a power of two, not {value}")
    if settings.engine.max_events * 4 > settings.ring.capacity:
        raise ConfigError(
            "engine.max_events", f"expected at most a quarter of ring.capacity ({settings.ring.capacity})"
        )
    if settings.standby.required and not settings.standby.host:
        raise ConfigError("standby.host", "expected an address to bind to where standby.required is true")
    if settings.standby.required and settings.engine.durability == "memory":
        raise ConfigError("engine.durability", "expected journal or fsync where standby.required is true, not 'memory'")
    for key, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
        if getattr(settings.gateway, other) and not getattr(settings.gateway, key):
            raise ConfigError(f"gateway.{key}", f"expected a PEM file where gateway.{other} is one")
    names = [sink.name for sink in settings.sinks]
    for number, sink in enumerate(settings.sinks):
        _check_sink(f"sink[{number}]", sink, names)


def _check_sink(where: str, sink: SinkSettings, names: list[str]) -> None:
    """What is the same for all kinds; the rest its own module checks."""
    if not SINK_NAME.fullmatch(sink.name):
        raise ConfigError(f"{where}.name", f"expected 1 to 27 of a-z, 0-9, - and _, not {sink.name!r}")
    if names.count(sink.name) > 1:
        raise ConfigError(f"{where}.name", f"expected a name that no other sink has, not {sink.name!r}")
    _one_of(f"{where}.kind", sink.kind, SINK_KINDS)
    if not sink.url:
        raise ConfigError(f"{where}.url", "expected a URL")
    if not SINK_NAME_PREFIX.fullmatch(sink.prefix):
        raise ConfigError(f"{where}.prefix", f"expected 1 to 48 of a-z, A-Z, 0-9, -, _ and ., not {sink.prefix!r}")
    _one_of(f"{where}.format", sink.format, ("json", "binary"))
    tables = sink.tables.split(",")
    if not sink.tables or len(set(tables)) < len(tables):
        raise ConfigError(f"{where}.tables", f"expected tables with commas between, each once, not {sink.tables!r}")
    for table in tables:
        _one_of(f"{where}.tables", table, SINK_TABLES)
    for key, most in (("keep", 1 << 40), ("batch", 1 << 16)):
        if not 0 <= getattr(sink, key) <= most:
            raise ConfigError(f"{where}.{key}", f"expected 0 to {most}, not {getattr(sink, key)}")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(name, f"expected one of {', '.join(allowed)}, not {value!r}")
