"""up: start every process and supervise them; in the foreground, or detached until `down`."""

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.output import LogStream, print_json, say
from ops.run_file import checked_name, page_address
from ops.shards.layout import read_shards

# (arguments, name, data, ready) -> exit code; calls ready with run.json's content
Work = Callable[[argparse.Namespace, str, Path, Callable[[dict[str, Any]], None]], int]
DEFAULT_INSTRUMENTS = Path(__file__).resolve().parents[2] / "config" / "instruments.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `up` takes."""
    add_start_arguments(parser)
    parser.add_argument("--shards", type=int, default=None, metavar="N", help="N engines, symbols divided among them")


def add_start_arguments(parser: argparse.ArgumentParser) -> None:
    """What everything that starts a pipeline takes."""
    parser.add_argument("--detach", action="store_true", help="run in the background; return when all are ready")
    parser.add_argument("--profile", choices=("laptop", "baremetal"), default="laptop")
    parser.add_argument("--instruments", type=Path, default=None, metavar="FILE", help="seeds a new history")
    parser.add_argument("--port-base", type=int, default=None, metavar="N", help="first port (default: 5550)")
    parser.add_argument("--config", type=Path, default=None, metavar="FILE", help="laid over the profile")


def run(args: argparse.Namespace) -> int:
    """0 after a clean stop (detached: when all are ready), 1 when a process can't be started, 2 for configuration."""
    if args.shards is not None or read_shards(args.data) is not None:
        return run_as(args, _start_shards)
    return run_as(args, _start)


def run_as(args: argparse.Namespace, work: Work) -> int:
    """Do the work of a supervisor, in the foreground or behind; its exit code, or that of its start."""
    name = checked_name(args.name)
    data = args.data.resolve()
    if args.detach:
        return _detached(args, name, data, work)
    return _supervise(args, name, data, work, lambda run: _announce(args, run))


def _announce(args: argparse.Namespace, run: dict[str, Any]) -> None:
    if args.json:
        print_json(run)
    ports = run["ports"]
    if run["state"] == "standby":
        say(f"standby: `promote` makes it the primary, with order entry on {ports['entry']}")
        return
    say(f"ready: {len(run['processes'])} processes, order entry on {ports['entry']}, feed on {ports['feed_json']}")
    if address := page_address(run):
        say(f"pages and REST: {address}")


def _start(args: argparse.Namespace, name: str, data: Path, ready: Any) -> int:
    from ops.pipeline import start  # numba and every process's modules: only where they are needed

    instruments = args.instruments or DEFAULT_INSTRUMENTS
    return start(name, data, args.profile, args.config, instruments, args.port_base, ready)


def _start_shards(args: argparse.Namespace, name: str, data: Path, ready: Any) -> int:
    from ops.shards.run import start

    instruments = args.instruments or DEFAULT_INSTRUMENTS
    return start(name, data, args.profile, args.config, instruments, args.port_base, args.shards, ready)


def _supervise(args: argparse.Namespace, name: str, data: Path, work: Work, ready: Any) -> int:
    from ops.supervisor import StartFailed

    try:
        return work(args, name, data, ready)
    except StartFailed as error:
        say(str(error))
        _report_failure(1, str(error))
        return 1
    except ConfigError as error:
        _report_failure(2, str(error))
        raise


# The write end of the pipe to the waiting `up --detach`; -1 in the foreground and once all is said.
_report = -1


def _report_failure(code: int, text: str) -> None:
    _tell({"code": code, "text": text})


def _tell(message: dict[str, Any]) -> None:
    global _report
    if _report >= 0:
        os.write(_report, json.dumps(message).encode() + b"\n")
        os.close(_report)
        _report = -1


def _detached(args: argparse.Namespace, name: str, data: Path, work: Work) -> int:
    """Fork a supervisor of its own session and wait for its word: ready, or why not."""
    global _report
    (data / "logs").mkdir(parents=True, exist_ok=True)
    log = data / "logs" / "supervisor.log"
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        os.close(reading)
        os.setsid()
        _report = writing
        _stream_to(log)
        code = 1
        try:
            code = _supervise(args, name, data, work, lambda run: _tell({"code": 0, "run": run}))
        except ConfigError as error:
            say(str(error))
            code = 2
        except BaseException:  # noqa: BLE001  the process ends here whatever it was, with the reason in its log
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.readline()  # not to the end: the processes inherit the pipe and hold it open
    if not said:
        say(f"the supervisor ended before it was ready; its log: {log}")
        return 1
    message = json.loads(said)
    if message["code"]:
        say(message["text"])
        return int(message["code"])
    _announce(args, message["run"])
    return 0


def _stream_to(log: Path) -> None:
    """Standard streams of a background process: input from nothing, output to the log."""
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, descriptor in ((0, nothing), (1, target), (2, target)):
        os.dup2(descriptor, stream)
    os.close(target)
    os.close(nothing)
    sys.stdout, sys.stderr = LogStream(1), LogStream(2)
