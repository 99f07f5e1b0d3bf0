"""Redis as Debian has it, with its append-only file: an answer is given after the write, so a kill loses none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.base import HOST, Server
from tests.servers.found import lacking, program


def missing() -> str:
    """What is not here of Redis."""
    return lacking({"redis-server": "Debian's redis-server"}, "redis")


def start(folder: Path, options: Sequence[str] = ()) -> "Redis":
    """An empty server; options as redis-server takes them: "--appendfsync", "always"."""
    return Redis(folder, options).start()


class Redis(Server):
    """One redis-server."""

    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def command(self) -> list[str]:
        return [
            *(program("redis-server"), "--bind", HOST, "--port", str(self.port), "--dir", str(self.data)),
            *("--save", "", "--appendonly", "yes"),
            *self.options,
        ]

    def connect(self) -> Any:
        import redis

        return redis.Redis.from_url(self.url, socket_timeout=5)

    def answers(self) -> bool:
        import redis

        try:
            with self.connect() as client:
                return bool(client.ping())  # refused while the file is being loaded
        except redis.RedisError:
            return False
