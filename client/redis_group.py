"""Events out of the Redis sink's stream, shared by the members of a consumer group: none is left out.

    python -m client.redis_group REDIS_URL STREAM GROUP MEMBER [IDLE_MS]

What a member was given and has not acknowledged when it dies stays pending, until another claims it. So an event may
come twice; its sequence (the id is `SEQ-0`) tells: whoever keeps effects keeps with each the sequence it is of.
"""

import sys
from collections.abc import Iterator
from typing import Any

import redis

AT_ONCE = 100
WAIT_MS = 200  # for new entries, before pending ones are looked at again
IDLE_MS = 5000  # who has not acknowledged for so long is taken for dead


def join(client: Any, stream: str, group: str) -> None:
    """Make the group, from the first entry on, if nobody has."""
    try:
        client.xgroup_create(stream, group, id="0", mkstream=True)
    except redis.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def entries(client: Any, stream: str, group: str, name: str, idle_ms: int) -> Iterator[tuple[Any, Any]]:
    """(id, fields) for this member, without end: what dead members had first, then what nobody was given yet."""
    while True:
        at: Any = "0-0"
        while at is not None:
            next_at, claimed, *_ = client.xautoclaim(stream, group, name, idle_ms, at, count=AT_ONCE)
            yield from claimed
            at = next_at if next_at != b"0-0" else None
        for _, new in client.xreadgroup(group, name, {stream: ">"}, count=AT_ONCE, block=WAIT_MS) or ():
            yield from new


def main(url: str, stream: str, group: str, name: str, idle_ms: str = str(IDLE_MS)) -> None:
    """Print each event's sequence and type when it is handled, until killed."""
    client: Any = redis.Redis.from_url(url, protocol=2)  # replies as lists, whatever the server could do
    join(client, stream, group)
    for entry_id, fields in entries(client, stream, group, name, int(idle_ms)):
        print(int(entry_id.partition(b"-")[0]), fields[b"type"].decode(), flush=True)  # handle it here
        client.xack(stream, group, entry_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
