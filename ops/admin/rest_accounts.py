"""Accounts: what one holds and has open; suspend it, cancel its orders, correct its balance with two persons."""

from pathlib import Path
from typing import Any

from config.command_text import MAX_ACCOUNT
from consumers.balances import store as balances
from consumers.gateway.errors import ApiError
from consumers.orders import store as orders
from consumers.orders.shown import order_json
from consumers.stored import read_catalog
from ops.admin.adjustments import PROPOSED
from ops.admin.booking import book, last_number, sound_amount
from ops.admin.endpoint import Asked, Endpoint, Field
from ops.evidence import open_store
from ops.order_json import ledger_json

LEDGER = 50
ACCOUNT = Field("account", "integer", "path", about="number of the account", example=7)
NUMBER = Field("id", "integer", "path", about="number of the adjustment", example=1)


def _account(data: Path, account: int, last: int) -> dict[str, Any]:
    with open_store(data, balances.NAME) as view:
        tables = balances.BalanceTables(view)
        with view.snapshot() as txn:
            if not balances.is_known(txn, tables, account):
                raise ApiError(-2013, f"there is no account {account}", 404)
            catalog = read_catalog(txn, view)
            held = {}
            for asset in catalog.assets:
                row = balances.balance(txn, tables, account, asset.id)
                if row is not None:
                    held[asset.name] = {"available": asset.scale.text(row[0]), "frozen": asset.scale.text(row[1])}
            lines = [ledger_json(line, catalog) for line in balances.ledger_of(txn, tables, account, last)]
            seq = view.cursor(txn)[1]
    with open_store(data, orders.NAME) as view:
        order_tables = orders.OrderTables(view)
        with view.snapshot() as txn:
            suspended = orders.is_suspended(txn, order_tables, account)
            rows = orders.open_orders(txn, order_tables, account)
            shown = [order_json(rows[at : at + 1], catalog) for at in range(len(rows))]
    found = {"account": account, "seq": seq, "suspended": suspended}
    return {**found, "balances": held, "open_orders": shown, "ledger": lines}


async def account(asked: Asked) -> dict[str, Any]:
    """Balances, open orders, the last ledger lines, keys."""
    number = _checked(asked["account"])
    return await asked.office.asked(_account, asked.office.data, number, min(asked.get("last", LEDGER), 1000))


def _checked(number: int) -> int:
    if number > MAX_ACCOUNT:
        raise ApiError(-1130, f"account: expected at most {MAX_ACCOUNT}")
    return number


async def suspend(asked: Asked) -> dict[str, Any]:
    """No new orders; its open ones are cancelled."""
    return {"events": await asked.office.command({"op": "suspend", "account": _checked(asked["account"])})}


async def unsuspend(asked: Asked) -> dict[str, Any]:
    """It may trade again."""
    return {"events": await asked.office.command({"op": "unsuspend", "account": _checked(asked["account"])})}


async def cancel_orders(asked: Asked) -> dict[str, Any]:
    """End all its open orders, or those of a symbol."""
    office, number = asked.office, _checked(asked["account"])
    fields = {"op": "mass_cancel", "account": number, "symbol": asked.get("symbol")}
    client_id, step = await office.asked(last_number, office.data, number), 1
    for _ in range(64):
        client_id, step = client_id + step, step * 2
        try:
            return {"events": await office.command({**fields, "client_id": client_id})}
        except ApiError as error:
            if "duplicate_client_id" not in str(error):
                raise
    raise ApiError(-1008, "no free client id was found", 503)


async def adjustments(asked: Asked) -> dict[str, Any]:
    """Every adjustment, newest first."""
    return {"adjustments": await asked.office.asked(asked.office.adjustments.all)}


async def propose(asked: Asked) -> dict[str, Any]:
    """Nothing is booked before another key has approved it."""
    office = asked.office
    asset, amount = sound_amount(office, asked["asset"], asked["amount"])
    why = asked["why"].strip()
    if not 0 < len(why) <= 500:
        raise ApiError(-1130, "why: expected 1 to 500 characters")
    number = _checked(asked["account"])
    return await office.asked(office.adjustments.propose, asked.key_id, number, asset, amount, why)


async def approve(asked: Asked) -> dict[str, Any]:
    """By another key than the one that proposed it; then it is booked, and the answer says how that went."""
    office = asked.office
    found = await office.asked(office.adjustments.find, asked["id"])
    client_id = await office.asked(last_number, office.data, found["account"]) + 1
    after = office.stream.position
    sending = await office.asked(office.adjustments.approve, asked.key_id, asked["id"], client_id, after)
    try:
        return await book(office, sending)
    except ApiError:
        office.unanswered.add(sending["id"])  # asked for again until it is known
        raise


async def reject(asked: Asked) -> dict[str, Any]:
    """It is not booked, and can't be any more."""
    return await asked.office.asked(asked.office.adjustments.reject, asked.key_id, asked["id"])


_GROUP, _TWO = "Accounts", "Adjustments"
ACCOUNT_ENDPOINTS = (
    Endpoint("GET", "/admin/v1/accounts/{account}", "An account: balances, open orders, last ledger lines", account,
             _GROUP, (ACCOUNT, Field("last", "integer", "query", False, "ledger lines", 50))),
    Endpoint("POST", "/admin/v1/accounts/{account}/suspend", "Suspend: no new orders, open ones end", suspend, _GROUP,
             (ACCOUNT,)),
    Endpoint("POST", "/admin/v1/accounts/{account}/unsuspend", "Let it trade again", unsuspend, _GROUP, (ACCOUNT,)),
    Endpoint("DELETE", "/admin/v1/accounts/{account}/orders", "Cancel all its open orders, or those of a symbol",
             cancel_orders, _GROUP, (ACCOUNT, Field("symbol", "string", "query", False, example="BTC-USDT"))),
    Endpoint("GET", "/admin/v1/adjustments", "Every adjustment, newest first", adjustments, _TWO),
    Endpoint("POST", "/admin/v1/adjustments", f"Propose a correction of a balance ({PROPOSED})", propose, _TWO,
             (Field("account", "integer", example=7), Field("asset", example="USDT"),
              Field("amount", about="signed: below zero takes away", example="12.5"),
              Field("why", example="refund of a fee charged twice"))),
    Endpoint("POST", "/admin/v1/adjustments/{id}/approve", "Approve it with another key: it is booked", approve, _TWO,
             (NUMBER,)),
    Endpoint("POST", "/admin/v1/adjustments/{id}/reject", "Let it fall", reject, _TWO, (NUMBER,)),
)  # fmt: skip
