"""A connection to Redis for pipelines: commands packed by who sends them, replies read one by one, errors sorted.

The handshake (password, TLS, database) and the reading of replies are redis-py's; what it raises becomes TargetAway
or TargetRefused here, with the server's own words.
"""

from typing import Any
from urllib.parse import urlsplit

from config.errors import ConfigError
from consumers.sinks.target import TargetAway, TargetRefused

CONNECT_S, ANSWER_S = 5.0, 8.0
# Replies to a command that say that it is not its fault: it may be taken later. Others mean that an operator must act.
NOT_NOW = ("OOM", "MISCONF", "NOREPLICAS", "LOADING", "MASTERDOWN", "BUSY", "TRYAGAIN", "CLUSTERDOWN")
ANY_DATABASE = 1 << 16


def check_url(url: str) -> None:
    """ConfigError where it is none of Redis; the URL is not repeated, since it may have a password in it."""
    try:
        parts = urlsplit(url)
        database = parts.path.removeprefix("/") or "0"
        well = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
        well = well and database.isdecimal() and int(database) < ANY_DATABASE
    except ValueError:  # a port that is none
        well = False
    if not well:
        raise ConfigError("url", "expected redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS")


def packed(*words: str | int | bytes) -> bytes:
    """One command in the wire's form."""
    raw = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in raw)


class RedisLink:
    """One connection. After an error only `close`, then `connect`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._place = f"{parts.hostname}:{parts.port or 6379}"
        self._connection: Any = None

    def connect(self) -> None:
        """Connect, and say who we are. Raises TargetAway, TargetRefused."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.close()
        pool = redis.ConnectionPool.from_url(
            self._url,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),  # whoever tries again asks for the cursor first
            protocol=2,
            client_name="matchline",
        )
        try:
            self._connection = pool.get_connection()
        except (redis.RedisError, OSError) as error:
            raise self.sorted(error) from error

    def ask(self, *words: str | int | bytes) -> Any:
        """One command and its reply. Raises TargetAway."""
        self.send(packed(*words))
        return self.reply()

    def send(self, commands: bytes) -> None:
        """Commands without waiting; `reply` is to be called as many times as there are. Raises TargetAway."""
        import redis

        assert self._connection is not None, "not connected"
        try:
            self._connection.send_packed_command([commands], check_health=False)
        except (redis.RedisError, OSError) as error:
            raise self.sorted(error) from error

    def reply(self) -> Any:
        """The next reply: bytes, int, list (which may have errors in it) or None. Raises TargetAway for an error."""
        return self.replies(1)[0]

    def replies(self, count: int) -> list[Any]:
        """So many replies. Raises TargetAway at the first that is an error."""
        import redis

        read = self._connection.read_response
        try:
            return [read() for _ in range(count)]
        except (redis.RedisError, OSError) as error:
            raise self.sorted(error) from error

    def close(self) -> None:
        """Let go of it, whatever state it is in: a transaction that was begun is dropped."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    def sorted(self, error: Exception) -> TargetAway:
        """What an error of the client means."""
        import redis

        code = getattr(error, "status_code", None) or str(error).partition(" ")[0]  # redis-py drops those it knows
        words = str(error) if str(error).startswith(code) else f"{code} {error}"
        said = f"{self._place}: {words}"
        if isinstance(error, redis.AuthenticationError):
            return TargetRefused(f"{self._place}: it does not let us in: {words}")
        if isinstance(error, redis.ResponseError) and code not in NOT_NOW:
            return TargetRefused(said)
        return TargetAway(said)
