"""Keep a symbol's book from the public feed, with asyncio: python async_subscriber.py SYMBOL [PORT_BASE]."""

import asyncio
import json
import sys

from client.python.async_subscriber import AsyncBookSubscriber


async def main(symbol: str, port_base: str = "5550") -> None:
    async with AsyncBookSubscriber(symbol, int(port_base)) as subscriber:
        async for book in subscriber:
            print(json.dumps({"seq": book.seq, "bids": book.bids, "asks": book.asks}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
