"""The messages between a primary's standby feed (ROUTER) and its followers (DEALER).

A message is one frame of JSON, ``{"op": …}``; ``events`` has a second frame: EVENT records of whole commands.

| from     | op       | fields                                  | meaning                                            |
|----------|----------|-----------------------------------------|----------------------------------------------------|
| follower | hello    | version schema epoch seq crc terms id … | what it has (epoch 0: nothing), last record's crc  |
| follower | ack      | seq attempt                             | all up to here is durable with it                  |
| follower | handover | term at                                 | stop, send all you have, then I write              |
| either   | term     | term at                                 | this term is at that address; who has less ends    |
| primary  | welcome  | version schema epoch terms limits …     | events follow from the hello's sequence on         |
| primary  | cut      | to                                      | what you have after `to` is not of this history    |
| primary  | refused  | why                                     | it won't be served; trying again is in vain        |
| primary  | events   | seq                                     | the records after this sequence                    |
| primary  | beat     | seq durable required                    | alive; how far it is, and what it called durable   |
| primary  | guarded  | accounts                                | their orders end with their sessions (entry's file) |
| primary  | done     | seq                                     | answers handover: that was all, nothing more comes |

A follower numbers its hellos (``attempt``): what answers an earlier one is not meant any more, on either side.
Who sends anything else is told one `refused` and is not served.
"""

from typing import Any

import numpy as np
import orjson

from ringbuf.records import EVENT, RECORD_SIZE

VERSION = 1
BATCH = 4096  # records in a message, more only where a command is longer
WINDOW = 1 << 16  # records under way to a follower before it has acknowledged any
BEAT_S = 0.1
MESSAGE_BYTES = 1 << 16  # of what a follower may send

_FIELDS: dict[str, dict[str, type]] = {
    "hello": {
        "version": int, "schema": int, "epoch": int, "seq": int, "crc": int, "terms": list, "id": str, "attempt": int,
    },
    "ack": {"seq": int, "attempt": int},
    "handover": {"term": int, "at": str},
    "term": {"term": int, "at": str},
    "welcome": {
        "version": int, "schema": int, "epoch": int, "terms": list, "limits": dict, "seq": int, "durable": int,
        "required": bool, "attempt": int,
    },
    "cut": {"to": int},
    "refused": {"why": str},
    "events": {"seq": int},
    "beat": {"seq": int, "durable": int, "required": bool},
    "guarded": {"accounts": list},
    "done": {"seq": int},
}  # fmt: skip
FROM_FOLLOWER = ("hello", "ack", "handover", "term")
FROM_PRIMARY = ("welcome", "cut", "refused", "events", "beat", "guarded", "done", "term")


class WireError(Exception):
    """A message that isn't one; names the field, what was found and what was expected."""


def encode(op: str, **fields: object) -> bytes:
    """A message's first frame."""
    assert set(fields) == set(_FIELDS[op]), op
    return orjson.dumps({"op": op, **fields})


def decode(frames: list[bytes], known: tuple[str, ...]) -> tuple[dict[str, Any], bytes]:
    """(fields, records' bytes) of a message. Raises WireError."""
    try:
        found = orjson.loads(frames[0])
    except (orjson.JSONDecodeError, IndexError) as error:
        raise WireError(f"message: expected JSON, found {frames[0][:20] if frames else b''!r}") from error
    op = found.get("op") if isinstance(found, dict) else None
    if op not in known:
        raise WireError(f"op: expected one of {', '.join(known)}, found {op!r}")
    if len(frames) != (2 if op == "events" else 1):
        raise WireError(f"{op}: frames: expected {2 if op == 'events' else 1}, found {len(frames)}")
    for name, kind in _FIELDS[op].items():
        if type(found.get(name)) is not kind:
            raise WireError(f"{op}: {name}: expected {kind.__name__}, found {found.get(name)!r}")
        if kind is int and found[name] < 0:
            raise WireError(f"{op}: {name}: expected 0 or more, found {found[name]}")
    return found, frames[1] if op == "events" else b""


def records_of(body: bytes) -> np.ndarray:
    """The EVENT records of an `events` message, not yet checked. Raises WireError."""
    if not body or len(body) % RECORD_SIZE:
        raise WireError(f"events: size: expected a multiple of {RECORD_SIZE} bytes, found {len(body)}")
    return np.frombuffer(body, EVENT)
