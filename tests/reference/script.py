"""Commands and events in one line of text each, for handwritten cases.

Commands: ``place 1:3 sell limit 1@20 display_qty=0.2``, ``amend 1:5 of=3 qty=2``, ``cancel 1:6 id=8``, ``time at=5``.
Events: ``accepted 1:3#8 sell limit 1.0@20.0``, ``trade 2:3#9 buy 0.4@20.0 leaves=0.0 maker=1#8:0.6``,
``cancelled 1:3#8 user 1.0 by=4``. ``1:3`` is account and client id, ``#8`` the order, ``1@20`` quantity and price,
``by`` the request, ``at`` the time. The symbol is ETH-USD unless said; ``symbol=-`` is none. Trades on it cost no fee
unless the case's terms say so; then ``fees=0.010/0.40``, taker's and maker's.
"""

import re
from typing import Any

from tests.reference.case import BEGIN, FIRST_SEQ, INSTRUMENTS, Case
from tests.reference.commands import SIDES, TIFS, TIFS_OF

FREE: dict[str, Any] = INSTRUMENTS | {
    "instrument": [INSTRUMENTS["instrument"][0] | {"maker_fee_ppm": 0, "taker_fee_ppm": 0}]
}
assert len(BEGIN) == 4 and FIRST_SEQ == 8

# A second symbol that is like the first: its script's first lines, and event 8.
LIST_E2 = """
    list_instrument symbol=E2 base=ETH quote=USD tick_size=0.1 lot_size=0.1 price_min=1 price_max=100 \
        maker_fee_ppm=0 taker_fee_ppm=0
    > listed base=ETH quote=USD tick_size=0.1 lot_size=0.1 price_min=1.0 price_max=100.0 maker_fee_ppm=0 \
        taker_fee_ppm=0 symbol=E2
"""

_PARTY = re.compile(r"([0-9]+)(?::([0-9]+))?(?:#([0-9]+))?")
_MAKER = re.compile(r"([0-9]+)#([0-9]+):([0-9.]+)")
_AMOUNT = re.compile(r"-?[0-9.]+")
_KEYS = {"of": "orig_client_id", "id": "order_id", "by": "request_id", "at": "ts_ns", "until": "expire_ts_ns"}
_WHOLE = {
    "orig_client_id", "order_id", "request_id", "ts_ns", "expire_ts_ns", "oco_client_id", "trade_seq", "band_ppm",
    "maker_fee_ppm", "taker_fee_ppm", "market_collar_ppm", "max_open_orders",
}  # fmt: skip
_WITHOUT_SYMBOL = (
    "cancel", "amend", "time", "suspend", "unsuspend", "mass_cancel", "deposit", "withdraw", "bust", "group",
    "disconnect", "delist_asset",
)  # fmt: skip


def _read(text: str, first: str) -> dict[str, Any]:
    """What commands and events have in common; words that are none of it under "more"."""
    kind, *words = text.split()
    found: dict[str, Any] = {first: kind, "more": []}
    for word in words:
        key, has_value, value = word.partition("=")
        key = _KEYS.get(key, key)
        if has_value and key != "maker":
            found[key] = int(value) if key in _WHOLE else value
        elif word in SIDES:
            found["side"] = word
        elif "@" in word:
            qty, _, price = word.partition("@")
            found.update({name: value for name, value in (("qty", qty), ("price", price)) if value})
        else:
            found["more"].append(word)
    return found


def command(text: str) -> dict[str, Any]:
    """One command; a group has its members behind ``|``."""
    text, *members = text.split(" | ")
    found = _read(text, "op")
    for word in found.pop("more"):
        if word in TIFS_OF:
            found["type"] = word
        elif word == "post_only":
            found["post_only"] = True
        elif word in TIFS:
            found["tif"] = word
        elif (party := _PARTY.fullmatch(word)) and "account" not in found:
            found["account"] = int(party[1])
            if party[2]:
                found["client_id"] = int(party[2])
        else:
            found["qty"] = word
    if members:
        found["commands"] = [command(member) for member in members]
    if found["op"] not in _WITHOUT_SYMBOL:
        found.setdefault("symbol", "ETH-USD")
    return {name: value for name, value in found.items() if value != "-"}


def event(text: str) -> dict[str, Any]:
    """One event, without seq; ts_ns only where ``at`` says it."""
    found = _read(text, "type")
    for word in found.pop("more"):
        if maker := _MAKER.fullmatch(word.removeprefix("maker=")):
            found.update(maker_account=int(maker[1]), maker_order_id=int(maker[2]), maker_leaves=maker[3])
            free = "0.000/0.00" if found["side"] == "buy" else "0.00/0.000"
            found["fee"], _, found["maker_fee"] = found.pop("fees", free).partition("/")
        elif found["type"] == "accepted" and word in TIFS_OF:
            found["order_type"] = word
        elif "account" not in found and (party := _PARTY.fullmatch(word)):
            found["account"] = int(party[1])
            names = (("client_id", party[2]), ("order_id", party[3]))
            found.update({name: int(value) for name, value in names if value})
        elif _AMOUNT.fullmatch(word):
            found["qty"] = word
        else:
            found["reason"] = word
    if found["type"] not in ("time", "suspended", "unsuspended"):
        found.setdefault("symbol", "ETH-USD")
    return {name: value for name, value in found.items() if value != "-"}


def case(name: str, features: str, script: str, balances: dict[str, str] | None = None, **terms: Any) -> Case:
    """A case: each line of the script is a command, the lines below it that begin with ``>`` its events.

    ``terms`` are further terms of the instrument.
    """
    lines = [line.strip() for line in script.strip().splitlines()]
    commands = [command(line) for line in lines if line and not line.startswith(">")]
    events = [event(line[1:]) for line in lines if line.startswith(">")]
    instruments = FREE | {"instrument": [FREE["instrument"][0] | terms]}
    return Case(name, commands, events, balances or {}, frozenset(features.split()), instruments)
