"""The transfers process, killed once at the moment that DATA/die names: a state of a transfer and a side of its commit.

before STATE    the answer that brings a transfer into this state was read, and is not in the log yet
after STATE     it is in the log, and nothing was sent or told since
sent STATE      the command that follows from it stands in the lane
"""

import os
import signal
from pathlib import Path
from typing import Any

from ops.shards.run import ShardsContext
from ops.shards.transfer_log import State, Transfer, TransferLog
from ops.shards.transfers import ShardLink, Transfers
from ops.shards.transfers import main as true_main

FILE = "die"


def moment_of(data: Path) -> tuple[str, State] | None:
    """What DATA/die says; None where there is none (any more)."""
    try:
        side, state = (data / FILE).read_text().split()
    except FileNotFoundError:
        return None
    return side, State[state.upper()]


def main(context: ShardsContext) -> int:
    """The true main, with the killing laid around the log's commits and the sending."""
    reached: list[State] = []
    put, commit, send = TransferLog._put, Transfers.commit, ShardLink.send

    def die(side: str) -> None:
        moment = moment_of(context.data)
        if moment is not None and moment[0] == side and moment[1] in reached:
            (context.data / FILE).unlink()
            (context.data / "died").write_text(side)
            os.kill(os.getpid(), signal.SIGKILL)

    def noting_put(self: TransferLog, txn: Any, transfer: Transfer) -> None:
        put(self, txn, transfer)
        reached.append(State(transfer.state))
        die("before")  # the transaction is still open: nothing of it is there after this

    def dying_commit(self: Transfers, *given: Any) -> None:
        commit(self, *given)
        die("after")

    def dying_send(self: ShardLink, log: TransferLog) -> bool:
        sent = send(self, log)
        if sent:
            die("sent")
        return sent

    TransferLog._put = noting_put  # type: ignore[method-assign]
    Transfers.commit = dying_commit  # type: ignore[method-assign]
    ShardLink.send = dying_send  # type: ignore[method-assign]
    return true_main(context)
