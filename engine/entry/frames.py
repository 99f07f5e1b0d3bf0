"""Frames of order entry: which form they have, and what they become.

A frame is one JSON command, or 128·n bytes of binary COMMAND records. Which of the two is seen from the frame: text
begins with { and holds no zero byte, a record always holds some.
"""

from typing import Any

import numpy as np
import orjson

from ringbuf.codes import CMD_GROUP, FLAG_LAST, NO_ID, EventType, Reason
from ringbuf.records import COMMAND, EVENT, RECORD_SIZE


class FrameError(ValueError):
    """A frame that is no command; says what was expected."""


def as_json(frame: bytes) -> dict[str, Any] | None:
    """The JSON object of a frame that is text and begins as an object does, else None. Raises FrameError."""
    text = frame.strip()
    if not text.startswith(b"{") or b"\0" in frame:
        return None
    try:
        return orjson.loads(text)  # type: ignore[no-any-return]
    except orjson.JSONDecodeError as error:
        raise FrameError(f"frame: expected one JSON object ({error})") from error


def binary_commands(frame: bytes) -> np.ndarray:
    """COMMAND records of a frame, one's own copy; FrameError where its length is none of 128·n."""
    if not frame or len(frame) % RECORD_SIZE:
        raise FrameError(f"frame: expected a JSON object or 128·n bytes of commands, found {len(frame)} bytes")
    return np.frombuffer(frame, COMMAND).copy()


def whole_groups(commands: np.ndarray, count: int) -> int:
    """How many of the first `count` COMMAND records are not of a group that goes on behind them."""
    while count and commands["flags"][count - 1] & CMD_GROUP:
        count -= 1
    return count


def notice(fields: dict[str, object]) -> bytes:
    """Entry's own words as a JSON frame, never 128·n bytes long: so that no one takes it for records."""
    text = orjson.dumps(fields)
    return text if len(text) % RECORD_SIZE else text + b" "


def refused_json(command: np.void, reason: Reason) -> bytes:
    """The answer to a command that entry does not take: an event's form, but no event, and so without a sequence."""
    fields: dict[str, object] = {"type": "rejected", "account": int(command["account"])}
    if int(command["client_id"]) != NO_ID:
        fields["client_id"] = int(command["client_id"])
    return notice({**fields, "reason": reason.name.lower()})


def refused_records(commands: np.ndarray, session: int, reason: Reason) -> bytes:
    """The same as EVENT records: `rejected` of sequence 0, one for each of the COMMAND records."""
    answers = np.zeros(len(commands), EVENT)
    answers["type"], answers["reason"] = EventType.REJECTED, reason
    answers["flags"] = FLAG_LAST
    answers["account"], answers["client_id"] = commands["account"], commands["client_id"]
    answers["request_id"] = NO_ID
    answers["symbol"] = commands["symbol"]
    answers["session"] = session
    return answers.tobytes()
