"""What hostile clients send: WebSocket frames and HTTP requests, mutated, signed where that gets them further."""

import json
import random
import struct
import time
from urllib.parse import urlencode

from consumers.gateway.ws_methods import ENDPOINTS, METHODS
from tests.consumers.gateway.asking import Client

OWN = ("session.logon", "session.status", "session.logout", "session.subscriptions", "userDataStream.subscribe",
       "userDataStream.subscribe.signature", "userDataStream.unsubscribe", "SUBSCRIBE", "UNSUBSCRIBE",
       "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY", "")  # fmt: skip
NAMES = (
    "symbol", "side", "type", "timeInForce", "quantity", "price", "stopPrice", "trailingDelta", "icebergQty",
    "quoteOrderQty", "newClientOrderId", "orderId", "origClientOrderId", "orderListId", "cancelReplaceMode",
    "cancelOrderId", "cancelOrigClientOrderId", "newOrderRespType", "limit", "fromId", "startTime", "endTime",
    "interval", "windowSize", "symbols", "listenKey", "recvWindow", "timestamp", "newQty", "selfTradePreventionMode",
    "abovePrice", "belowPrice", "aboveType", "belowType", "aboveStopPrice", "belowStopPrice", "listClientOrderId",
    "omitZeroBalances", "timeZone", "id", "permissions", "stopLimitPrice", "stopLimitTimeInForce", "strategyId",
    "cancelRestrictions", "symbolStatus", "subscriptionId", "returnRateLimits",
)  # fmt: skip
WORDS = ("BTCUSDT", "ETHUSDT", "BUY", "SELL", "LIMIT", "MARKET", "STOP_LOSS", "TAKE_PROFIT_LIMIT", "LIMIT_MAKER", "GTC",
         "IOC", "FOK", "1", "50000", "0", "-1", "1e400", "NaN", "9" * 40, "0." + "0" * 30 + "1", "true", "1m", "7d",
         "STOP_ON_FAILURE", "ALLOW_FAILURE", "FULL", "ACK", "EXPIRE_BOTH",
         "NONE", '["BTCUSDT"]', "[]", "\x00", "\ud800", "ß", "")  # fmt: skip
TRADING = (
    "order.place",
    "order.place",
    "order.cancel",
    "order.cancelReplace",
    "order.amend.keepPriority",
    "orderList.place.oco",
)
STREAMS = (
    "btcusdt@trade",
    "btcusdt@depth",
    "!ticker@arr",
    "btcusdt@kline_1m",
    "btcusdt@depth5@100ms",
    "x@y",
    "",
    "a" * 64,
)
TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
MOST_BYTES = 70_000


def value(draw: random.Random, depth: int = 0) -> object:
    """Anything that JSON can say."""
    kind = draw.randrange(12 if depth < 3 else 8)
    if kind < 5:
        return draw.choice(WORDS)
    if kind == 5:
        return draw.choice((0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**300, 0.1, 1e308, -0.0))
    if kind == 6:
        return draw.choice((None, True, False))
    if kind == 7:
        return "".join(chr(draw.randrange(1, 0x2000)) for _ in range(draw.randrange(40)))
    if kind < 10:
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice(NAMES): value(draw, depth + 1) for _ in range(draw.randrange(4))}


def order(draw: random.Random) -> dict[str, object]:
    """An order that is nearly right, often enough wholly."""
    price = f"{draw.randrange(49_000, 51_000)}"
    terms: dict[str, object] = {"symbol": "BTCUSDT", "side": draw.choice(("BUY", "SELL")), "type": "LIMIT",
                                "timeInForce": "GTC", "quantity": "0.001", "price": price}  # fmt: skip
    for _ in range(max(draw.randrange(5) - 2, 0)):
        terms[draw.choice(NAMES)] = value(draw)
    return terms


def request(draw: random.Random, clients: list[Client]) -> str:
    """One of the WebSocket API, or of the market streams."""
    method = draw.choice([*METHODS, *OWN] if draw.random() < 0.5 else TRADING)
    if draw.random() < 0.2:
        return json.dumps({"method": method, "params": [draw.choice(STREAMS)], "id": value(draw, 3)})
    given = order(draw) if draw.random() < 0.5 else {draw.choice(NAMES): value(draw) for _ in range(draw.randrange(6))}
    if draw.random() < 0.8:
        client = draw.choice(clients)
        given |= {"apiKey": client.key, "timestamp": time.time_ns() // 1_000_000}
        text = "&".join(f"{n}={str(v).lower() if isinstance(v, bool) else v}" for n, v in sorted(given.items()))
        given["signature"] = client.sign(text.encode("utf-8", "ignore").decode())
    return json.dumps({"id": draw.choice((1, 2, 3, "a", None, [], 2**70)), "method": method, "params": given})


def mutated(draw: random.Random, data: bytes) -> bytes:
    """A few bytes of it changed, lost or doubled."""
    found = bytearray(data)
    for _ in range(draw.randrange(1, 4)):
        at = draw.randrange(len(found) + 1)
        kind = draw.randrange(4)
        if kind == 0 and at < len(found):
            found[at] = draw.randrange(256)
        elif kind == 1:
            del found[at : at + draw.randrange(1, 9)]
        elif kind == 2:
            found[at:at] = found[max(at - 8, 0) : at]
        else:
            found[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(found)


def frame(draw: random.Random, payload: bytes, opcode: int = TEXT, final: bool = True, masked: bool = True) -> bytes:
    """As a client sends it."""
    mask = draw.randbytes(4)
    length = len(payload)
    head = bytes([(0x80 if final else 0) | opcode])
    bit = 0x80 if masked else 0
    if length < 126:
        head += bytes([bit | length])
    elif length < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    whole = (mask * (length // 4 + 1))[:length]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big")


def frames(draw: random.Random, clients: list[Client]) -> tuple[bytes, int]:
    """Some frames, and how many: most of them such that the connection lives on."""
    kind = draw.randrange(100)
    text = request(draw, clients).encode()
    if kind < 60:
        return frame(draw, text), 1
    if kind < 75:
        return frame(draw, mutated(draw, text)), 1
    if kind < 80:
        cut = draw.randrange(len(text))
        between = frame(draw, b"x", PING)
        return frame(draw, text[:cut], final=False) + between + frame(draw, text[cut:], CONTINUED), 3
    if kind < 84:
        return frame(draw, b"", TEXT), 1
    if kind < 88:
        deep = draw.choice(
            (b"[" * 30_000, b'{"a":' * 5000, b'{"id":1,"method":"ping","params":' + b"[" * 9000, b"9" * 50_000)
        )
        return frame(draw, deep), 1
    if kind < 92:
        return frame(draw, draw.randbytes(draw.randrange(126)), draw.choice((PING, PONG))), 1
    return (
        draw.choice((
            frame(draw, text, masked=False),
            frame(draw, text, draw.choice((3, 4, 7, 11, 15))),
            frame(draw, text, BINARY),
            frame(draw, b"\xff\xfe\xc0"),
            frame(draw, b"x" * MOST_BYTES),
            frame(draw, b"x", CONTINUED),
            frame(draw, b"x" * 126, PING),
            frame(draw, b"x", PING, final=False),
            frame(draw, b"\x03", CLOSE),
            frame(draw, struct.pack(">H", draw.randrange(1 << 16)) + b"\xff", CLOSE),
            bytes([0xC1]) + frame(draw, text)[1:],
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            mutated(draw, frame(draw, text)),
            draw.randbytes(40),
        )),
        1,
    )  # fmt: skip


def http(draw: random.Random, clients: list[Client]) -> bytes:
    """One request, sometimes not quite."""
    each = draw.choice(ENDPOINTS) if draw.random() < 0.5 else METHODS[draw.choice(TRADING)]
    client = draw.choice(clients)
    given = order(draw) if draw.random() < 0.5 else {draw.choice(NAMES): value(draw) for _ in range(draw.randrange(6))}
    given["timestamp"] = time.time_ns() // 1_000_000
    text = urlencode({n: str(v).encode("utf-8", "ignore") for n, v in given.items()})
    text += f"&signature={client.sign(text)}"
    head = f"Host: x\r\nX-MBX-APIKEY: {client.key}\r\n"
    if draw.random() < 0.5 and each.method != "GET":
        found = f"{each.method} {each.path} HTTP/1.1\r\n{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()
    else:
        found = f"{each.method} {each.path}?{text} HTTP/1.1\r\n{head}\r\n".encode()
    return mutated(draw, found) if draw.random() < 0.5 else found
