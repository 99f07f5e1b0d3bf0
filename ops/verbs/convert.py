"""``convert SOURCE FILE… --out DIR``: recorded market data to commands and instruments."""

import argparse
import sys
from datetime import date
from pathlib import Path

import orjson

from config.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments beside the common ones."""
    parser.add_argument(
        "source",
        help="where the files are from: bitstamp, lobster, itch; or `generate` for made-up flow without files",
    )
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="plain or packed. bitstamp: orders and trades; lobster: messages, and the orderbook where there is one;"
        " itch: one NASDAQ TotalView-ITCH 5.0 file",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="where commands.jsonl and instruments.toml go")
    parser.add_argument("--accounts", type=int, default=16, help="orders are spread over so many (default 16)")
    parser.add_argument(
        "--symbol",
        action="append",
        default=[],
        metavar="TICKER",
        help="itch: only this stock, may be repeated (default: all); lobster: which one, if the name doesn't say",
    )
    parser.add_argument(
        "--date", type=date.fromisoformat, metavar="YYYY-MM-DD", help="lobster, itch: the day, if the name doesn't say"
    )
    parser.add_argument("--commands", type=int, default=200_000, help="generate: how many")
    parser.add_argument("--seed", type=int, default=1, help="generate: same seed, same bytes")
    parser.add_argument("--symbols", type=int, default=1, help="generate: how many instruments")


def run(args: argparse.Namespace) -> int:
    """Convert, say what was clipped, dropped or inferred on standard error; 2 for input that can't be used."""
    try:
        if args.accounts < 1:
            raise ConfigError("--accounts", f"expected at least 1, got {args.accounts}")
        if args.source == "generate":
            from ops.convert.generate import generate

            if args.commands < 0 or args.symbols < 1:
                raise ConfigError("--commands, --symbols", "expected at least 0 commands and 1 symbol")
            summary = generate(Path(args.out), args.commands, args.seed, args.symbols, args.accounts)
        else:
            from ops.convert import convert

            summary = convert(args.source, args.files, args.out, args.accounts, args.symbol, args.date)
    except ConfigError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 2
    print("\n".join(summary.lines()), file=sys.stderr)
    if args.json:
        print(orjson.dumps(summary.to_dict(), option=orjson.OPT_INDENT_2).decode())
    return 0
