"""The kinds of sinks, each with its module and the client library that it needs."""

import importlib
import importlib.util
from typing import TYPE_CHECKING, NamedTuple

from config.errors import ConfigError
from config.settings import SINK_KINDS, SinkSettings

if TYPE_CHECKING:
    from pathlib import Path

    from consumers.sinks.target import Target


class Kind(NamedTuple):
    """module: has `check(settings)`, which raises ConfigError, and `target(settings, data) -> Target`."""

    module: str
    library: str = ""
    package: str = ""  # what pip calls the library


KINDS = {
    "redis": Kind("consumers.sinks.redis", "redis", "redis"),
    "mysql": Kind("consumers.sinks.mysql", "pymysql", "PyMySQL"),
    "postgresql": Kind("consumers.sinks.postgresql", "psycopg", "psycopg[binary]"),
    "mongodb": Kind("consumers.sinks.mongodb", "pymongo", "pymongo"),
    "kafka": Kind("consumers.sinks.kafka", "confluent_kafka", "confluent-kafka"),
    "parquet": Kind("consumers.sinks.parquet", "pyarrow", "pyarrow"),
    "webhook": Kind("consumers.sinks.webhook"),
}
assert tuple(KINDS) == SINK_KINDS


def check_sinks(sinks: tuple[SinkSettings, ...]) -> None:
    """ConfigError for a sink whose URL or options its kind can't use, or whose client library is missing."""
    for number, sink in enumerate(sinks):
        kind = KINDS[sink.kind]
        if kind.library and importlib.util.find_spec(kind.library) is None:
            raise ConfigError(
                f"sink[{number}].kind", f"{sink.kind} needs the package {kind.package}: pip install 'matchline[sinks]'"
            )
        try:
            importlib.import_module(kind.module).check(sink)
        except ConfigError as error:
            raise ConfigError(f"sink[{number}].{error.field}", error.expected) from error


def open_target(sink: SinkSettings, data: "Path") -> "Target":
    """The target of a checked sink, not yet opened."""
    made: Target = importlib.import_module(KINDS[sink.kind].module).target(sink, data)
    return made
