"""An approved adjustment on its way to the engine: a deposit or a withdrawal, which acts once whatever dies."""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from config.json_commands import decode_all
from config.json_events import REASON_NAMES
from consumers.gateway.errors import ApiError
from consumers.journal.reader import JournalReader
from consumers.orders import store as orders
from ops.admin.adjustments import BOOKED, REFUSED, SENDING, Adjustment
from ops.evidence import open_store
from ringbuf.codes import EventType, Reason

if TYPE_CHECKING:
    from ops.admin.office import Office

log = logging.getLogger(__name__)

_DEPOSITED, _WITHDRAWN, _REJECTED = int(EventType.DEPOSITED), int(EventType.WITHDRAWN), int(EventType.REJECTED)
_DUPLICATE = int(Reason.DUPLICATE_CLIENT_ID)
TRIES = 64
AGAIN_S = 1.0


def last_number(data: Path, account: int) -> int:
    """The highest client id of the account that the orders' store knows, at least 0."""
    with open_store(data, orders.NAME) as view:
        tables = orders.OrderTables(view)
        with view.snapshot() as txn:
            return max(orders.last_client_id(txn, tables, account), 0)


async def book(office: "Office", found: Adjustment) -> Adjustment:
    """Send an adjustment in state `sending`, and note what became of it. Raises ApiError where nobody answers."""
    step = 1
    for _ in range(TRIES):
        event = await office.asked(_answer_before, office, found)
        if event is None:
            event = await _send(office, found)
            if _is_duplicate(event):  # it was on its way already, or another door has taken that number
                event = await office.asked(_answer_before, office, found) or event
        if int(event["type"]) in (_DEPOSITED, _WITHDRAWN):
            return office.adjustments.note(found, state=BOOKED, seq=int(event["seq"]))
        if not _is_duplicate(event):
            return office.adjustments.note(found, state=REFUSED, reason=REASON_NAMES[int(event["reason"])])
        more = {"client_id": found["client_id"] + step, "after_seq": int(event["seq"])}
        found = office.adjustments.note(found, **more)
        step *= 2
    raise ApiError(-1008, "no free client id was found", 503)


def _is_duplicate(event: np.void) -> bool:
    return int(event["type"]) == _REJECTED and int(event["reason"]) == _DUPLICATE


async def _send(office: "Office", found: Adjustment) -> np.void:
    """The last event of its command."""
    is_more = not found["amount"].startswith("-")
    fields = {
        "op": "deposit" if is_more else "withdraw",
        "account": found["account"],
        "client_id": found["client_id"],
        "asset": found["asset"],
        "amount": found["amount"].lstrip("-"),
    }
    commands, _ = decode_all(fields, office.stream.catalog)
    events = await office.desk.submit(commands)
    last: np.void = events[-1]
    return last


def _answer_before(office: "Office", found: Adjustment) -> np.void | None:
    """The event that answered its command where that was sent before, maybe by a process that died; None = none."""
    last = office.stream.position
    at = int(found["after_seq"])
    with JournalReader(office.data) as reader:
        while at < last:
            events = reader.read(at + 1, min(1 << 16, last - at))
            if not len(events):
                return None
            answers = events[
                (events["account"] == found["account"])
                & np.isin(events["type"], (_DEPOSITED, _WITHDRAWN, _REJECTED))
                & (events["reason"] != _DUPLICATE)
                & (events["session"] >> 24 == office.desk.lane)
                & (events["client_id"] == found["client_id"])
            ]
            if len(answers):
                answer: np.void = answers[0]
                return answer
            at = int(events["seq"][-1])
    return None


async def finish_all(office: "Office") -> None:
    """Until it is cancelled: what was sent and not answered, by the process before, too, is asked for again."""
    office.unanswered.update(each["id"] for each in office.adjustments.all() if each["state"] == SENDING)
    while True:
        for number in sorted(office.unanswered):
            try:
                done = await book(office, office.adjustments.find(number))
            except ApiError as error:
                log.warning("adjustment %d: %s: again", number, error)
                continue
            office.unanswered.discard(number)
            log.info("adjustment %d: %s", number, done["state"])
        await asyncio.sleep(AGAIN_S)


def sound_amount(office: "Office", asset: str, amount: str) -> tuple[str, str]:
    """(asset, amount) as they are booked. Raises ApiError where they are none."""
    listed: Any = office.stream.catalog.find_asset(asset)
    if listed is None:
        raise ApiError(-1130, f"asset: expected one that is listed, not {asset!r}")
    sign = "-" if amount.startswith("-") else ""
    try:
        units = listed.scale.exact(amount.removeprefix("-"))
    except ValueError as error:
        raise ApiError(-1130, f"amount: expected a decimal string in {listed.decimals} decimals ({error})") from None
    if units <= 0:
        raise ApiError(-1130, "amount: expected a value other than zero")
    return listed.name, sign + listed.scale.text(units)
