"""Every server there is, by name."""

from types import ModuleType

from tests.servers import ferretdb, kafka, mariadb, postgresql, redis, secantusdb

SERVERS: dict[str, ModuleType] = {
    "mariadb": mariadb,
    "postgresql": postgresql,
    "redis": redis,
    "kafka": kafka,
    "secantusdb": secantusdb,
    "ferretdb": ferretdb,
}
