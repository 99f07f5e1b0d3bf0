"""The live picture: how far the flow is, and one line a process. Redrawn on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

REDRAW_S = 0.2
PLAIN_S = 2.0
BAR_WIDTH = 92
JOBS = {
    "journal": "4 trade log, gates the engine",
    "engine": "1 match output",
    "replica": "snapshots",
    "orders": "2 order status",
    "balances": "3 account assets",
    "marketdata": "6 market data",
    "publisher": "5 push",
    "settlement": "7 clearing and settlement",
    "risk": "8 risk and audit",
    "entry": "order entry",
    "gateway": "5 REST, WebSocket, pages",
    "admin": "admin API",
}


class LivePicture:
    """Takes each look at the pipeline. A context: on leaving it, the last picture stays."""

    def __init__(self, commands: int) -> None:
        self._commands = commands
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._began_s = self._told_s = time.monotonic()

    def __enter__(self) -> "LivePicture":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, status: dict[str, Any], answered: int) -> None:
        """One look: the `status` report and how many commands the engine has answered."""
        if self._live:
            self._live.update(self._drawn(status, answered), refresh=True)
        elif time.monotonic() - self._told_s >= PLAIN_S:
            self._told_s = time.monotonic()
            print("\n".join(self._lines(status, answered)), file=sys.stderr, flush=True)

    def _headline(self, status: dict[str, Any], answered: int) -> str:
        share = answered / max(self._commands, 1)
        seconds = time.monotonic() - self._began_s
        return (
            f"{share:>4.0%}  {answered:,} of {self._commands:,} commands, {seconds:.1f} s,"
            f" {status['published']:,} events published"
        )

    def _lines(self, status: dict[str, Any], answered: int) -> list[str]:
        lines = [self._headline(status, answered)]
        for name in status["processes"]:
            rate, cursor, lag = _cells(status, name)
            lines.append(f"      {name:<11}{rate:>10}/s   cursor {cursor:>9}   lag {lag:>7}   {JOBS.get(name, '')}")
        return lines

    def _drawn(self, status: dict[str, Any], answered: int) -> Group:
        table = Table(box=None, padding=(0, 2), header_style="dim")
        for title in ("process", "what it does"):
            table.add_column(title, no_wrap=True)
        for title in ("events/s", "cursor", "lag", "cpu"):
            table.add_column(title, justify="right", no_wrap=True, min_width=8)
        for name, row in status["processes"].items():
            rate, cursor, lag = _cells(status, name)
            state = "bold" if row["state"] == "running" else "bold red"
            style = "green" if lag in ("0", "-") else "yellow"
            cells = (rate, cursor, Text(lag, style), f"{row['cpu']:.0%}")
            table.add_row(Text(name, state), JOBS.get(name, ""), *cells)
        bar = Table.grid()  # a bar alone ends no line
        width = min(self._console.width - 2, BAR_WIDTH)
        bar.add_row(ProgressBar(total=max(self._commands, 1), completed=answered, width=width))
        return Group(Text(self._headline(status, answered), "bold"), bar, table)


def _cells(status: dict[str, Any], name: str) -> tuple[str, str, str]:
    """Rate, cursor and lag of a process as text; the engine's cursor is what it has published."""
    if name == "engine":
        return f"{status['events_per_s']:,}", f"{status['published']:,}", "0"
    row = status["consumers"].get(name)
    if row is None:
        return "-", "-", "-"
    return f"{row['events_per_s']:,}", f"{row['seq']:,}", "down" if row["lag"] is None else f"{row['lag']:,}"
