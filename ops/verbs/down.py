"""down: stop the pipeline of a data directory, and wait until it is gone."""

import argparse
import os
import signal
import time

from ops.output import print_json, say
from ops.run_file import live_run

PATIENCE_S = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(args: argparse.Namespace) -> int:
    """0 when nothing runs any more (nothing ran: that is well too), 1 when it did not stop in time."""
    found = live_run(args.data)
    if found is None:
        say(f"no pipeline is running on {args.data}")
        if args.json:
            print_json({"stopped": False, "was_running": False})
        return 0
    # The start time was compared just now: this pid is the supervisor and no later process with its number.
    os.kill(found.supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while found.supervisor.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    stopped = not found.supervisor.is_alive()
    left = [name for name, row in found.processes.items() if row.is_alive()]
    if args.json:
        print_json({"stopped": stopped and not left, "was_running": True, "left": left})
    if not stopped or left:
        say(f"not stopped after {PATIENCE_S:.0f} s: {', '.join(left) or 'supervisor'}")
        return 1
    say("stopped")
    return 0
