"""Keep a symbol's book from the public feed: python subscriber.py SYMBOL [PORT_BASE]. Stopped, it recovers."""

import json
import sys
from typing import Any

import zmq

symbol, base = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5550
topic, context = f"depth/{symbol}/", zmq.Context()
feed = context.socket(zmq.SUB)
feed.connect(f"tcp://127.0.0.1:{base + 1}")
feed.subscribe(topic)
feed.subscribe("hb/")
service = context.socket(zmq.DEALER)
service.connect(f"tcp://127.0.0.1:{base + 3}")


def snapshot() -> tuple[int, int, dict[str, dict[str, str]]]:
    service.send_json({"op": "snapshot", "symbol": symbol})
    found: dict[str, Any] = json.loads(service.recv())
    if "error" in found:
        sys.exit(found["error"])
    return found["epoch"], found["seq"], {"bids": dict(found["bids"]), "asks": dict(found["asks"])}


epoch, seq, book = snapshot()
while True:
    head, body = feed.recv_multipart()
    name, message = head.decode(), json.loads(body)
    lost_tail = name == "hb/" and message["topics"].get(topic, 0) > seq
    if message["epoch"] != epoch or lost_tail or message.get("prev", 0) > seq:
        epoch, seq, book = snapshot()
    elif name == topic and message["seq"] > seq:
        seq = message["seq"]
        for side in ("bids", "asks"):
            book[side].update(message[side])
            book[side] = {price: qty for price, qty in book[side].items() if qty != "0"}
    bids, asks = (sorted(book[side].items(), key=lambda level: float(level[0])) for side in ("bids", "asks"))
    print(json.dumps({"seq": seq, "bids": bids[::-1], "asks": asks}), flush=True)
