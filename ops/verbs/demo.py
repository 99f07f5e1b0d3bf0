"""demo: recorded order flow through the whole running chain, then what happened, computed from the stores."""

import argparse
import os
import shlex
import signal
import time
from pathlib import Path
from typing import Any

from ops.output import print_json, say
from ops.run_file import checked_name, page_address, require_run

BOOK_LEVELS = 5
CANDLES = 8
LISTEN_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the demo."""
    parser.add_argument("--keep", action="store_true", help="leave the pipeline running")
    parser.add_argument("--port-base", type=int, default=None, metavar="N", help="first port (default: 5550, or free)")
    parser.add_argument("--generated", action="store_true", help="made-up order flow instead of the recording")
    parser.add_argument("--commands", type=int, default=200_000, metavar="N", help="of the generator (default: 200000)")


def run(args: argparse.Namespace) -> int:
    """0 when money is conserved, every store agrees and the venue's trades came out again, else 1; 0 on Ctrl-C.

    All state is in DATA/demo, emptied first; the flow's files are in DATA/flow.
    """
    from ops.demo.drive import DemoFailed, Pipeline
    from ops.demo.flow import obtain
    from ops.demo.place import clear, free_name, free_port_base, only_demo_of

    if args.name is not None:
        checked_name(args.name)
    data = args.data / "demo"
    lock = only_demo_of(data)
    signal.signal(signal.SIGTERM, _interrupt)
    pipeline = None
    report: dict[str, Any] = {}
    try:
        flow = obtain(args.data / "flow", args.data / "data", args.commands, args.generated)
        clear(data)
        pipeline = Pipeline(data.resolve(), free_name(args.name), free_port_base(args.port_base))
        pipeline.start(flow.summary.instruments_path.resolve())
        report = _drive(pipeline, flow, args)
    except DemoFailed as error:
        say(str(error))
    except KeyboardInterrupt:
        say("demo: told to stop before its end")
        args.keep = False
        return 0
    finally:
        if pipeline is not None and not (args.keep and report):
            _stop(pipeline)
        os.close(lock)
    if not report:
        return 1
    return _conclude(report, pipeline, args)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(pipeline: Any) -> None:
    """Stop the pipeline; from here on no second Ctrl-C cuts that short."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    say("stopping")
    pipeline.stop()


def _conclude(report: dict[str, Any], pipeline: Any, args: argparse.Namespace) -> int:
    """Print the report; the exit code."""
    from ops.demo.show import show
    from ops.demo.venue import is_reproduced

    left = [] if args.keep else pipeline.left()
    report |= {"kept": args.keep, "clean": not left, "left": left}
    if args.json:
        print_json(report)
    else:
        show(report)
    good = report["conserved"] and report["reconciled"] and report["clean"] and is_reproduced(report["venue"])
    return 0 if good else 1


def _drive(pipeline: Any, flow: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Feed, watch, wait for everybody, then ask every store."""
    from ops.demo.drive import watch
    from ops.demo.listen import Listener
    from ops.demo.live import REDRAW_S, LivePicture

    say(f"feeding {flow.summary.commands:,} commands. {flow.title}")
    listener = Listener("127.0.0.1", pipeline.port_base + 1)
    listener.start()
    began = time.monotonic()
    try:
        pipeline.feed(flow.summary.commands_path)
        with LivePicture(flow.summary.commands) as picture:
            feed, status = watch(pipeline, REDRAW_S, picture.show)
        seconds = time.monotonic() - began
        listener.wait_for(status["published"], LISTEN_S)
    finally:
        listener.stop()
    say("all have caught up: comparing every store, writing the reports")
    return _report(pipeline, flow, listener, feed, status, args) | {"seconds": round(seconds, 3)}


def _report(
    pipeline: Any, flow: Any, listener: Any, feed: dict[str, Any], status: dict[str, Any], args: argparse.Namespace
) -> dict[str, Any]:
    from consumers.marketdata import queries
    from ops.demo.counted import latencies, money, step_counts, write_reports
    from ops.demo.history import read_history
    from ops.demo.venue import compare

    data = pipeline.data
    page = page_address(require_run(data).to_dict()) if args.keep else ""
    history = read_history(data)
    verdict = pipeline.ask("reconcile")
    reports = write_reports(data)
    amounts = money(data, history)
    symbol = history.catalog.instruments[0].symbol
    depth = queries.depth(data, symbol)
    last = queries.trades(data, symbol, 1)["trades"]
    counts = step_counts(data, history, listener, reports)
    agree = sum(check["ok"] for check in verdict["checks"])
    return {
        "orders": feed["answered"],
        "events": status["published"],
        "trades": len(history.trades),
        "consumers": {name: {"seq": row["seq"], "lag": row["lag"]} for name, row in status["consumers"].items()},
        "latency_ns": latencies(data, pipeline.name, listener),
        "conserved": all(row["conserved"] for row in amounts.values()),
        "reconciled": verdict["ok"],
        "venue": compare(history, Path(flow.summary.expected_path)),
        "flow": {"title": flow.title, "recorded": flow.recorded, "commands": str(flow.summary.commands_path)},
        "counts": counts | {"reconcile": {"checks": len(verdict["checks"]), "agree": agree}},
        "reconciled_at": verdict["seq"],
        "checks": verdict["checks"],
        "money": amounts,
        "book": {"symbol": symbol, "bids": depth["bids"][:BOOK_LEVELS], "asks": depth["asks"][:BOOK_LEVELS]},
        "candles": queries.candles(data, symbol, "1m", CANDLES)["candles"],
        "trade": pipeline.ask("trace", str(last[-1]["seq"])) if last else None,
        "reports": _report_files(args.data / "demo", reports),
        "page": page,
        "further": _further(args, pipeline, page, symbol, last[-1] if last else None, reports),
    }


def _report_files(data: Path, reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Where the days' files lie, and their names."""
    folders = [str(data / "reports" / report["day"]) for report in reports]
    return {"folders": folders, "files": sorted({Path(name).name for report in reports for name in report["files"]})}


def _further(
    args: argparse.Namespace,
    pipeline: Any,
    page: str,
    symbol: str,
    trade: dict[str, Any] | None,
    reports: list[dict[str, Any]],
) -> list[list[str]]:
    """[command, what it shows]: all of them work after the demo, running or not."""
    at = f"--data {shlex.quote(str(args.data / 'demo'))}"
    rows = [[page, "trade in the browser: an account with play money is a click away"]] if page else []
    rows += [[f"./run.sh query depth {symbol} {at}", "the whole book"]]
    rows += [[f"./run.sh query candles {symbol} 1s --last 20 {at}", "candles, 1s to 1d"]]
    rows += [[f"./run.sh query ledger 1 --last 10 {at}", "an account's last balance changes"]]
    if trade:
        rows += [[f"./run.sh trace {trade['seq']} {at}", "that trade with all its evidence"]]
    for report in reports[-1:]:
        rows += [[f"./run.sh report account 1 --day {report['day']} {at}", "an account's statement"]]
    rows += [[f"./run.sh reconcile {at}", "every store against the journal, again"]]
    if args.keep:
        rows += [[f"./run.sh top {at}", "the processes, live"], [f"./run.sh down {at}", "stop it"]]
    else:
        name = shlex.quote(pipeline.name)
        more = f"--name {name} --port-base {pipeline.port_base} --config config/demo.toml"
        rows += [[f"./run.sh up {at} {more}", "go on from here; or"]]
        rows += [["./run.sh demo --keep", "this again, left running"]]
    return rows
