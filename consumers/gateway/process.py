"""Step 5 of nine, for people and bots: the market, orders and accounts over REST, in the dialect of Binance spot.

It keeps no state but its sessions and the names that clients give their orders: all else comes out of the rings, and
out of the stores that other consumers write. The engine never waits for it.
"""

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING

from consumers.runtime import FAILURES

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

NAME = "gateway"
PORT = 10  # behind the base


def main(context: "Context", name: str = NAME) -> int:
    """Serve until SIGTERM or the supervisor's death; 0 = stopped, 1 = a named failure in the log.

    name: of its lane and cursor; another one for each gateway that shares the port.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to the supervisor, which stops us
    import uvloop  # after the fork: it brings what the other processes have no use for

    from consumers.gateway.server import run

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(context, name, context.port_base + PORT))
        return 0
    except FAILURES as error:
        log.error("%s: %s: %s", name, type(error).__name__, error)
        return 1
