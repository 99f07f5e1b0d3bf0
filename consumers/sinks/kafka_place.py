"""Where a sink's topics are: `kafka://HOST:PORT[,HOST:PORT…]?topic_prefix=NAME&…` (see `config.kafka_url`)."""

import re
from typing import NamedTuple

from config.errors import ConfigError
from config.kafka_url import read_kafka_url
from config.settings import SinkSettings

PREFIX = re.compile(r"[A-Za-z0-9._-]{1,48}")
COUNTS = {"partitions": 10_000, "replication": 100}  # of topics that are made, and the most that is sensible


class Place(NamedTuple):
    """client: settings of every client, `bootstrap.servers` among them. partitions: of `events` and `trades`.

    partitions, replication: of topics that are not there yet; replication -1 = as the broker does by itself.
    """

    client: dict[str, str]
    prefix: str
    partitions: int
    replication: int

    @property
    def servers(self) -> str:
        """The brokers, as errors name them."""
        return self.client["bootstrap.servers"]

    def topic(self, table: str) -> str:
        """The topic of a table, or of the cursor."""
        return f"{self.prefix}.{table}"


def place_of(settings: SinkSettings) -> Place:
    """What a sink's settings say. Raises ConfigError, which shows nothing that may be a password."""
    client, options = read_kafka_url(settings.url, "url", {"topic_prefix", *COUNTS})
    prefix = options.pop("topic_prefix", settings.prefix)
    if not PREFIX.fullmatch(prefix):
        raise ConfigError("url", f"topic_prefix: expected 1 to 48 of a-z, A-Z, 0-9, -, _ and ., not {prefix!r}")
    counts = {name: _count(name, options.get(name, "")) for name in COUNTS}
    return Place(client, prefix, counts["partitions"] or 1, counts["replication"] or -1)


def _count(name: str, text: str) -> int:
    """A number of the query; 0 where there is none."""
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= COUNTS[name]:
        raise ConfigError("url", f"{name}: expected 1 to {COUNTS[name]}, not {text!r}")
    return int(text)
