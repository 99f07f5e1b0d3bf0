"""The closing picture: nine steps, book, candles, money, venue, checks, one trade, reports, where to look further."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ops.demo.one_trade import told
from ops.demo.venue import is_reproduced

WIDTH_PLAIN = 124  # where no terminal says how wide it is
WIDTH_NARROW = 118  # terminals narrower than that get less


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


Counts = dict[str, int]
# (step, who, what it counted, in words)
STEPS: tuple[tuple[str, str, Callable[[Counts], str]], ...] = (
    ("1 match output", "engine", lambda c: f"{_n(c['events'], 'event')}, {_n(c['trade'], 'trade')}"),
    ("2 order status", "orders", lambda c: f"{_n(c['orders'], 'order')}, {c['open']:,} open, {_n(c['fills'], 'fill')}"),
    (
        "3 asset transfer",
        "balances",
        lambda c: f"{_n(c['ledger_lines'], 'ledger line')}, {_n(c['balances'], 'balance')}",
    ),
    ("4 trade log", "journal", lambda c: f"{_n(c['records'], 'record')}, {_n(c['segments'], 'segment')}"),
    ("5 push", "publisher", lambda c: f"{_n(c['messages'], 'message')} received, {c['missing']:,} missing"),
    ("6 market data", "marketdata", lambda c: f"{_n(c['trades'], 'print')}, {_n(c['candles'], 'candle')}"),
    ("7 settlement", "settlement", lambda c: f"{_n(c['transfers'], 'net transfer')}, {_n(c['files'], 'file')}"),
    ("8 risk and audit", "risk", lambda c: f"{_n(c['events'], 'event')} checked, {_n(c['alerts'], 'alert')}"),
    ("9 reconciliation", "reconcile", lambda c: f"{c['agree']:,} of {_n(c['checks'], 'comparison')} agree"),
)


def show(report: dict[str, Any]) -> None:
    """Print the picture of a whole demo report to standard output."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_PLAIN)
    for title, body in _parts(report, console.width < WIDTH_NARROW):
        console.print()
        console.print(Rule(Text(title, "bold cyan"), align="left", style="dim"))
        if isinstance(body, list):  # paths and commands, to be copied: never folded
            for line in body:
                console.print(Text("  ").append_text(line), soft_wrap=True)
        else:
            console.print(Padding(body, (0, 0, 0, 2)))
    console.print()
    console.print(_verdict(report))


def _parts(report: dict[str, Any], narrow: bool) -> Iterator[tuple[str, RenderableType | list[Text]]]:
    rate = report["orders"] / max(report["seconds"], 1e-3)
    yield (
        f"{report['flow']['title']}",
        f"{report['orders']:,} commands: {report['events']:,} events, {report['trades']:,} trades, "
        f"{report['seconds']:.1f} s from the first command to the last commit ({rate:,.0f}/s)",
    )
    yield "The nine steps after a match, each counted where it was stored", _steps(report, narrow)
    if report["book"]:
        tables = _book(report["book"]), _candles(report["candles"])
        beside = Table.grid(padding=(0, 6))
        beside.add_row(*tables)
        title = f"{report['book']['symbol']}: top of the book, and the last minutes that traded"
        yield title, Group(tables[0], "", tables[1]) if narrow else beside
    yield "Money in = money out, to the last unit", _money(report)
    yield (
        "Against the venue" if report["flow"]["recorded"] else "Against a plain book fed with the same",
        _venue(report),
    )
    yield "Every store against the journal, replayed", _checks(report["checks"])
    if report["trade"]:
        yield f"One trade, all nine steps: sequence {report['trade']['seq']:,}", _trade(report["trade"])
    yield "Reports", _reports(report)
    yield "Look further", _further(report)


def _table(*titles: str, left: int = 1) -> Table:
    """A table without lines; the first `left` columns to the left, numbers to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for at, title in enumerate(titles):
        table.add_column(title, justify="left" if at < left else "right", no_wrap=True)
    return table


def duration(ns: int | None) -> str:
    """A duration in the unit that fits, with three digits."""
    if ns is None:
        return ""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns < 999 * size else f"{ns / size:,.0f} {unit}"
    return f"{ns} ns"


def _steps(report: dict[str, Any], narrow: bool) -> RenderableType:
    times_of = {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "max"}
    for key in ("p50", "p999", "max") if narrow else ():
        del times_of[key]
    table = _table("step", "who", "how many", "last seq", "lag", *times_of.values(), left=3)
    table.columns[2].no_wrap = False  # folds where it must
    for step, who, counted in STEPS:
        row = report["consumers"].get(who, {"seq": report["events"], "lag": 0})
        if who == "reconcile":
            row = {"seq": report["reconciled_at"], "lag": report["events"] - report["reconciled_at"]}
        times = report["latency_ns"].get(who, {})
        cells = [duration(times.get(key)) for key in times_of]
        table.add_row(
            Text(step, "bold"), who, counted(report["counts"][who]), f"{row['seq']:,}", f"{row['lag']:,}", *cells
        )
    note = (
        "Times are from match to commit (engine: from arrival to match; publisher: until a subscriber has the message)."
        "\nThe flow is fed as fast as it goes, so they hold the time in the queue: of this load and this host."
    )
    return Group(table, Text(note, "dim"))


def _book(book: dict[str, Any]) -> RenderableType:
    table = _table("bid qty", "bid", left=0)
    table.add_column("ask", justify="left", header_style="dim")
    table.add_column("ask qty", justify="right", header_style="dim")
    for bid, ask in zip(book["bids"], book["asks"]):
        table.add_row(bid[1], Text(bid[0], "green"), Text(ask[0], "red"), ask[1])
    return table


def _candles(candles: list[dict[str, Any]]) -> RenderableType:
    table = _table("minute (UTC)", "open", "high", "low", "close", "volume", "trades")
    for candle in candles:
        minute = datetime.fromtimestamp(candle["open_ts_ns"] // 10**9, UTC).strftime("%H:%M")
        style = "green" if float(candle["close"]) >= float(candle["open"]) else "red"
        prices = [Text(candle[name], style if name == "close" else "") for name in ("open", "high", "low", "close")]
        table.add_row(minute, *prices, candle["volume"], str(candle["trades"]))
    return table


def _money(report: dict[str, Any]) -> RenderableType:
    table = _table("asset", "deposits", "- withdrawn", "= on accounts", "+ fees", "", left=1)
    for asset, row in report["money"].items():
        amounts = [row[name] for name in ("deposits", "withdrawals", "accounts", "fees")]
        table.add_row(asset, *amounts, _mark(row["conserved"], "", "DIFFERENT"))
    return table


def _mark(ok: bool, yes: str, no: str) -> Text:
    return Text(f"✓ {yes}".rstrip(), "green") if ok else Text(f"✗ {no}".rstrip(), "bold red")


def _venue(report: dict[str, Any]) -> RenderableType:
    venue = report["venue"]
    text = f"{venue['trades_reproduced']:,} of {venue['trades_expected']:,} trades reproduced, one by one and in order"
    more = venue["trades_found"] - venue["trades_expected"]
    text += " (parties, side, price, quantity)" + (f"; {more:+,} trades" if more else "")
    yes = f"ending book identical, all {venue['book_orders']:,} orders in their priority"
    return Group(
        _mark(is_reproduced({**venue, "book_identical": True}), text, text),
        _mark(venue["book_identical"], yes, "ending book DIFFERENT"),
    )


def _checks(checks: list[dict[str, Any]]) -> RenderableType:
    table = _table("", "", "", left=3)
    table.show_header = False
    table.columns[2].no_wrap = False
    for check in checks:
        table.add_row(_mark(check["ok"], "", ""), check["name"], check["detail"])
    return table


def _trade(trade: dict[str, Any]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for step, line in told(trade):
        table.add_row(Text(step, "bold"), line)
    return table


def _reports(report: dict[str, Any]) -> list[Text]:
    folders = [Text(f"{folder}/") for folder in report["reports"]["folders"]]
    return [*folders, Text("  ".join(report["reports"]["files"]), "dim")]


def _further(report: dict[str, Any]) -> list[Text]:
    width = max(len(command) for command, _ in report["further"])
    return [Text(command.ljust(width), "bold").append(f"   {what}", "dim") for command, what in report["further"]]


def _verdict(report: dict[str, Any]) -> Text:
    bad = [name for name in ("conserved", "reconciled") if not report[name]]
    bad += [] if is_reproduced(report["venue"]) else ["venue not reproduced"]
    bad += [] if report["clean"] else [f"left behind: {', '.join(report['left'])}"]
    after = (
        f"It is still running: {report['page']}"
        if report["kept"]
        else "Ended clean: no process and no shared memory left."
    )
    if bad:
        return Text(f"✗ Not well: {', '.join(bad)}", "bold red")
    return Text(f"✓ All nine steps agree at sequence {report['events']:,}. {after}", "bold green")
