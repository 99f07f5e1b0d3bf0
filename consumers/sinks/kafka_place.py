"""Where a sink's topics are: `kafka://HOST:PORT[,HOST:PORT…]?topic_prefix=NAME&…`, and what the client is told.

`kafka+ssl://` is the same with TLS. Options of the client itself go into the query under their own names, those of
`CLIENT` only; passwords stand there, so no error shows a URL.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from config.errors import ConfigError
from config.settings import SinkSettings

SCHEMES = {"kafka": "plaintext", "kafka+ssl": "ssl"}
FORM = "kafka://HOST:PORT[,HOST:PORT…]?topic_prefix=NAME"
SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
NAME = re.compile(r"[A-Za-z0-9._-]{1,48}")
PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
CLIENT = frozenset(
    {
        "security.protocol",
        *("sasl.mechanism", "sasl.username", "sasl.password"),
        *("sasl.kerberos.service.name", "sasl.kerberos.principal", "sasl.kerberos.keytab"),
        *("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password"),
        *("ssl.endpoint.identification.algorithm", "ssl.cipher.suites", "ssl.crl.location"),
        *("client.id", "client.rack", "compression.type", "broker.address.family"),
    }
)
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
    try:
        parts = urlsplit(settings.url)
        asked = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ConfigError("url", f"expected {FORM}") from error
    servers = parts.netloc.split(",")
    if parts.scheme not in SCHEMES or parts.path not in ("", "/") or parts.fragment:
        raise ConfigError("url", f"expected {FORM}")
    if not all(SERVER.fullmatch(server) for server in servers):
        raise ConfigError("url", f"expected {FORM}; a user stands in sasl.username and sasl.password")
    options = dict(asked)
    if len(options) < len(asked):
        raise ConfigError("url", "expected each option once")
    prefix = options.pop("topic_prefix", settings.prefix)
    if not NAME.fullmatch(prefix):
        raise ConfigError("url", f"topic_prefix: expected 1 to 48 of a-z, A-Z, 0-9, -, _ and ., not {prefix!r}")
    counts = {name: _count(name, options.pop(name, "")) for name in COUNTS}
    client = {"security.protocol": SCHEMES[parts.scheme], **options, "bootstrap.servers": parts.netloc}
    _check_client(client, parts.scheme)
    return Place(client, prefix, counts["partitions"] or 1, counts["replication"] or -1)


def _count(name: str, text: str) -> int:
    """A number of the query; 0 where there is none."""
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= COUNTS[name]:
        raise ConfigError("url", f"{name}: expected 1 to {COUNTS[name]}, not {text!r}")
    return int(text)


def _check_client(client: dict[str, str], scheme: str) -> None:
    if unknown := sorted(set(client) - CLIENT - {"bootstrap.servers"}):
        known = ", ".join(["topic_prefix", *COUNTS, *sorted(CLIENT)])
        raise ConfigError("url", f"{unknown[0]}: expected of {known}")
    protocol = client["security.protocol"]
    if protocol not in PROTOCOLS:
        raise ConfigError("url", f"security.protocol: expected of {', '.join(PROTOCOLS)}, not {protocol!r}")
    if scheme == "kafka+ssl" and not protocol.endswith("ssl"):
        raise ConfigError("url", f"security.protocol: expected ssl or sasl_ssl with kafka+ssl, not {protocol}")
    if any(name.startswith("sasl.") for name in client) and not protocol.startswith("sasl"):
        raise ConfigError("url", "security.protocol: expected sasl_ssl or sasl_plaintext where sasl.* are given")
