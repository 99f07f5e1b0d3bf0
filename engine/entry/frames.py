"""Frames of order entry: which form they have, and what they become.

A frame is one JSON command, or 128·n bytes of binary COMMAND records. Which of the two is seen from the frame: JSON
begins with { and ends with }, and is tried first where the length would fit both.
"""

import numpy as np
import orjson

from config.catalog import Catalog
from config.json_commands import TradeOf, decode_object
from ringbuf.codes import NO_ID, Op
from ringbuf.records import COMMAND, RECORD_SIZE


class FrameError(ValueError):
    """A frame that is no command; says what was expected."""


def as_json(frame: bytes) -> object:
    """The JSON value of a frame that looks like an object, else None."""
    text = frame.strip()
    if not text.startswith(b"{") or not text.endswith(b"}"):
        return None
    try:
        return orjson.loads(text)  # type: ignore[no-any-return]
    except orjson.JSONDecodeError:
        return None


def json_command(value: object, catalog: Catalog, trade_of: TradeOf) -> tuple[np.ndarray, str | None]:
    """One COMMAND (shape (1,)) of a parsed value, and what is malformed about it."""
    command = np.zeros(1, COMMAND)
    wrong = decode_object(value, catalog, command, 0, trade_of)
    return command, wrong


def malformed_command() -> np.ndarray:
    """What a frame becomes that is no JSON object: the engine answers it `rejected` `malformed`."""
    command = np.zeros(1, COMMAND)
    command["op"] = Op.MALFORMED
    command["account"] = 0xFFFFFFFF
    command["client_id"] = NO_ID
    command["orig_client_id"] = NO_ID
    return command


def binary_commands(frame: bytes) -> np.ndarray:
    """COMMAND records of a frame; FrameError where its length is none of 128·n."""
    if not frame or len(frame) % RECORD_SIZE:
        raise FrameError(f"frame: expected a JSON object or 128·n bytes of commands, found {len(frame)} bytes")
    return np.frombuffer(frame, COMMAND).copy()
