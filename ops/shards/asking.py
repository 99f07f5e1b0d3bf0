"""`query` of all shards: a symbol's questions go to its shard, an account's to all, in the numbers of outside."""

import argparse
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from config.errors import ConfigError
from ops.evidence import NotFound
from ops.shards.layout import CLIENT_ID_STEP, Shards, renamed
from ops.shards.listings import Listings
from ops.shards.transfer_log import FOLDER, IN_TRANSIT, State, TransferLog

Answer = Callable[[argparse.Namespace], dict[str, Any]]
_OF_SYMBOLS = ("depth", "ticker", "trades", "candles")


def ask(args: argparse.Namespace, shards: Shards, answers: dict[str, Answer]) -> dict[str, Any]:
    """The answer to a question that `answers` can give for one shard. Raises NotFound, StoreError."""
    if args.question == "transfers":
        return _transfers(args, shards)
    answer = answers[args.question]

    def of(shard: int, **changed: Any) -> dict[str, Any]:
        found: dict[str, Any] = renamed(
            answer(argparse.Namespace(**{**vars(args), "data": shards.folder(shard), **changed})), shards, shard
        )
        return found

    if args.question in _OF_SYMBOLS:
        return of(_shard_of(shards, args.symbol))
    if args.question == "order" and len(args.ids) == 1:
        shard, inside = shards.inside(args.ids[0])
        return of(shard, ids=[inside])
    if args.question == "order":
        ids = [args.ids[0], *(client_id * CLIENT_ID_STEP for client_id in args.ids[1:])]
        return _first_found([partial(of, shard, ids=ids) for shard in range(shards.count)])
    every = [of(shard) for shard in range(shards.count)]
    if args.question == "balance":
        return _with_transit(_summed(every), args.account, shards)
    return _joined(args, every)


def _shard_of(shards: Shards, symbol: str) -> int:
    listings = Listings(shards)
    shard = listings.shard_of(symbol)
    listings.close()
    if shard is None:
        raise NotFound(f"there is no symbol {symbol}")
    return shard


def _first_found(asks: list[Callable[[], dict[str, Any]]]) -> dict[str, Any]:
    """An order rather than a refusal, whichever shard has it."""
    found: list[dict[str, Any]] = []
    missing: NotFound | None = None
    for one in asks:
        try:
            found.append(one())
        except NotFound as error:
            missing = error
    if not found:
        assert missing is not None
        raise missing
    return next((one for one in found if one.get("order_id")), found[0])


def _summed(every: list[dict[str, Any]]) -> dict[str, Any]:
    """Balances of all shards, added up."""
    found: dict[str, dict[str, str]] = {}
    for balances in every:
        for asset, row in balances.items():
            known = found.setdefault(asset, dict.fromkeys(row, "0"))
            for name, amount in row.items():
                known[name] = f"{Decimal(known[name]) + Decimal(amount):f}"
    return found


def _with_transit(balances: dict[str, Any], account: int, shards: Shards) -> dict[str, Any]:
    """What is between two shards stands beside it, where there is any."""
    listings = Listings(shards)
    for one in _log_of(shards):
        if one.account == account and one.state in IN_TRANSIT:
            asset = listings.catalog.assets[one.asset]
            row = balances.setdefault(asset.name, {"available": "0", "frozen": "0"})
            row["in_transit"] = f"{Decimal(row.get('in_transit', '0')) + Decimal(asset.scale.text(one.amount)):f}"
    listings.close()
    return balances


def _joined(args: argparse.Namespace, every: list[dict[str, Any]]) -> dict[str, Any]:
    """Lists of all shards in one, each row with its shard; ledgers and alerts by their time, the last ones."""
    whole = dict(every[0])
    lists = [key for key, value in whole.items() if isinstance(value, list)]
    for key in lists:
        rows = [row | {"shard": shard} for shard, one in enumerate(every) for row in one[key]]
        if args.question != "orders":
            rows = sorted(rows, key=lambda row: int(row.get("ts_ns", 0)))[-args.last :]
        whole[key] = rows
    if "seq" in whole:
        whole["seq"] = max(int(one["seq"]) for one in every)
    return whole


def _log_of(shards: Shards) -> list[Any]:
    if not (shards.data / FOLDER / "data.mdb").exists():
        return []
    log = TransferLog(shards.data, shards.epoch, shards.count, readonly=True)
    try:
        with log.reading() as txn:
            return list(log.transfers(txn))
    finally:
        log.close()


def _transfers(args: argparse.Namespace, shards: Shards) -> dict[str, Any]:
    """An account's transfers, oldest first."""
    listings = Listings(shards)
    rows = []
    for one in _log_of(shards):
        if one.account == args.account:
            asset = listings.catalog.assets[one.asset]
            rows.append(
                {
                    "transfer": one.number,
                    "client_id": one.client_id,
                    "asset": asset.name,
                    "amount": asset.scale.text(one.amount),
                    "from": one.source,
                    "to": one.target,
                    "state": State(one.state).name.lower(),
                    "reason": one.reason,
                }
            )
    listings.close()
    return {"account": args.account, "transfers": rows[-args.last :]}


def refuse_unsharded(args: argparse.Namespace) -> dict[str, Any]:
    """Transfers of a directory that has no shards."""
    raise ConfigError("transfers", f"{args.data} has no shards between which anything could move")
