"""One client of the order entry of all shards."""

from collections import deque
from typing import Any

from ops.shards.asked import Asked
from ops.shards.link import Link


class Session:
    """One client: routing id, number (even), the form in which it last asked, its links by shard."""

    def __init__(self, identity: bytes, number: int) -> None:
        self.identity = identity
        self.number = number
        self.form = 0
        self.frames: list[bytes] = []
        self.waiting: deque[Asked] = deque()
        self.links: dict[int, Link] = {}
        self.held: set[int] = (
            set()
        )  # shards that refused something: until a hello nothing that names the session goes there
        self.guard: int | None = None
        self.greeting: dict[str, Any] | None = None  # the answer to a hello that all shards have to hear first
        self.pinged_s = 0.0
