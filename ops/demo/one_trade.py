"""One trade's trace (see ops/tracing.py) in a line or two for each of the nine steps."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any


def told(trade: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(step, what it holds of the trade) from the report of `trace SEQ`."""
    steps = {step["step"]: step for step in trade["steps"]}
    record = steps[1]["records"][0]
    receipts = steps[9]
    asked = _when(record["ts_ns"])
    yield (
        "1 match output",
        f"{record['side']} {record['qty']} {record['symbol']} at {record['price']}: taker account {record['account']}, "
        f"maker account {record['maker_account']}, {asked}, crc32c {record['crc32c']}",
    )
    for order in steps[2]["orders"]:
        role = "taker" if order["order_id"] == record["order_id"] else "maker"
        status = order["status"].replace("_", " ")
        said = f"{role}'s order {order['order_id']}: {status}, {order['filled']} of {order['qty']}"
        yield ("2 order status" if role == "taker" else "", said)
    for at, line in enumerate(steps[3]["ledger"]):
        yield ("" if at else "3 account assets", _ledger_line(line))
    place = steps[4]["journal"][0]
    yield "4 trade log", f"segment {place['segment']}, byte {place['offset']:,}"
    topics = "  ".join(steps[5]["may_be_on"][0]["topics"][:1]) if steps[5]["may_be_on"] else "nothing"
    push = receipts["consumers"].get("publisher", {})
    yield "5 push", f"{topics} sent" + _passed(push)
    for one in steps[6]["prints"]:
        yield (
            "6 market data",
            f"print {one['price']} x {one['qty']}, in the candle of {_when(one['candle_1m_open_ts_ns'])}",
        )
    for at, line in enumerate(steps[7]["statements"]):
        who = f"account {line['account']:>3} {line['asset']}"
        said = f"{who}: the day's net transfer {line['transfer']} (fees {line['fees']}), closing {line['closing']}"
        yield ("" if at else "7 settlement", said)
    yield (
        "8 risk and audit",
        f"{steps[8]['verdict']}" + "".join(f": {alert['kind'].replace('_', ' ')}" for alert in steps[8]["alerts"]),
    )
    yield "9 receipts", f"all past {receipts['seq']:,}; committed after the match: {_committed(receipts['consumers'])}"


def _when(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ledger_line(line: dict[str, Any]) -> str:
    who = "fees" if line["account"] == "fees" else f"account {line['account']:>3}"
    changes = [
        f"{name} {line[f'{name}_change']} to {line[name]}"
        for name in ("available", "frozen")
        if line[f"{name}_change"].strip("-0.")
    ]
    return f"{who:<11} {line['asset']:<5} {', '.join(changes)}"


def _passed(receipt: dict[str, Any]) -> str:
    return f", cursor at {receipt['cursor']:,}" if receipt.get("cursor") else ""


def _committed(consumers: dict[str, Any]) -> str:
    known = {name: row["committed_ns_after_match"] for name, row in consumers.items()}
    return ", ".join(f"{name} {ns / 1e6:.2f} ms" for name, ns in known.items() if ns is not None)
