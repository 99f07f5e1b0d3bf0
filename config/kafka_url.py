"""`kafka://HOST:PORT[,HOST:PORT…]?OPTION=VALUE&…`: where a broker is, and what its client is told.

`kafka+ssl://` is the same with TLS. Options of the client itself go into the query under their own names, those of
`CLIENT` only; passwords stand there, so no error shows a URL.
"""

import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from config.errors import ConfigError

SCHEMES = {"kafka": "plaintext", "kafka+ssl": "ssl"}
SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
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


class TopicPlace(NamedTuple):
    """One topic. client: settings of every client, `bootstrap.servers` among them."""

    client: dict[str, str]
    topic: str

    @property
    def servers(self) -> str:
        """The brokers, as errors name them."""
        return self.client["bootstrap.servers"]


def read_kafka_url(url: str, field: str, own: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """(settings of the client, the `own` options that stand there). Raises ConfigError, which shows no password."""
    form = f"kafka://HOST:PORT[,HOST:PORT…]?{sorted(own)[-1]}=…"
    try:
        parts = urlsplit(url)
        asked = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ConfigError(field, f"expected {form}") from error
    servers = parts.netloc.split(",")
    if parts.scheme not in SCHEMES or parts.path not in ("", "/") or parts.fragment:
        raise ConfigError(field, f"expected {form}")
    if not all(SERVER.fullmatch(server) for server in servers):
        raise ConfigError(field, f"expected {form}; a user stands in sasl.username and sasl.password")
    options = dict(asked)
    if len(options) < len(asked):
        raise ConfigError(field, "expected each option once")
    found = {name: options.pop(name) for name in sorted(own) if name in options}
    client = {"security.protocol": SCHEMES[parts.scheme], **options, "bootstrap.servers": parts.netloc}
    _check_client(client, parts.scheme, field, own)
    return client, found


def topic_name(field: str, option: str, name: str) -> str:
    """The name, where a topic may be called so. Raises ConfigError."""
    if not NAME.fullmatch(name):
        raise ConfigError(field, f"{option}: expected 1 to 249 of a-z, A-Z, 0-9, -, _ and ., not {name!r}")
    return name


def _check_client(client: dict[str, str], scheme: str, field: str, own: Collection[str]) -> None:
    if unknown := sorted(set(client) - CLIENT - {"bootstrap.servers"}):
        raise ConfigError(field, f"{unknown[0]}: expected of {', '.join([*sorted(own), *sorted(CLIENT)])}")
    protocol = client["security.protocol"]
    if protocol not in PROTOCOLS:
        raise ConfigError(field, f"security.protocol: expected of {', '.join(PROTOCOLS)}, not {protocol!r}")
    if scheme == "kafka+ssl" and not protocol.endswith("ssl"):
        raise ConfigError(field, f"security.protocol: expected ssl or sasl_ssl with kafka+ssl, not {protocol}")
    if any(name.startswith("sasl.") for name in client) and not protocol.startswith("sasl"):
        raise ConfigError(field, "security.protocol: expected sasl_ssl or sasl_plaintext where sasl.* are given")
