"""WebSocket frames as bytes, made once for all who get them (RFC 6455: of a server, so unmasked, in one piece)."""

import struct

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA  # opcodes
_FINAL = 0x80
_MOST_CONTROL = 125  # bytes in a control frame
NORMAL, GOING_AWAY, UNSUPPORTED, POLICY, OVERLOADED = 1000, 1001, 1003, 1008, 1013  # close codes


def close_frame(code: int, reason: str) -> bytes:
    """The last one. The reason is ASCII, and cut after 123 characters."""
    return frame((struct.pack(">H", code) + reason.encode("ascii"))[:_MOST_CONTROL], CLOSE)


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One whole frame."""
    size = len(payload)
    if size <= _MOST_CONTROL:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 1 << 16:
        return struct.pack(">BBH", _FINAL | opcode, 126, size) + payload
    return struct.pack(">BBQ", _FINAL | opcode, 127, size) + payload
