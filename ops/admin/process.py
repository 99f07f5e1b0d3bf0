"""The admin API's process: accounts, listings, halts, adjustments, busts, alerts, keys, and the pipeline's picture.

On loopback, for keys with scope admin. Like the gateway it is a reader of the events with a lane of its own: killed and
started again like any other process; adjustments, which it must not forget, are on disk before anything is sent.
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

NAME = "admin"


def main(context: "Context") -> int:
    """Serve until SIGTERM or the supervisor's death; 0 = stopped, 1 = a named failure in the log."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to the supervisor, which stops us
    import uvloop  # after the fork: it brings what the other processes have no use for

    from ops.admin.server import run

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(context, NAME))
        return 0
    except FAILURES as error:
        log.error("%s: %s: %s", NAME, type(error).__name__, error)
        return 1
