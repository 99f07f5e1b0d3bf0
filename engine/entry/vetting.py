"""What a binary command may not say of itself: made harmless before the engine, and with it every reader, sees it.

Text is checked by `config.json_commands`; here is the same for records that a client filled in. The terms of orders
and funds need nothing: the engine doubts every field of theirs.
"""

import numpy as np

from config.catalog import LISTING_FIELDS, Catalog, make_instrument
from config.errors import ConfigError
from config.instruments import check_asset, check_instrument, check_terms
from config.wide_commands import WIDE_OPS, TradeOf, fill_bust
from ringbuf.codes import CMD_DISCONNECT, CMD_GROUP, GROUP_MAX, NO_ACCOUNT, NO_ID, NO_SYMBOL, Op, Reason
from ringbuf.records import COMMAND, COMMAND_BUST, COMMAND_LIST_ASSET, COMMAND_LIST_INSTRUMENT

# What reading a text can find; any other code would stand in an event as a reason that nobody knows.
_READERS_REASONS = np.array(
    [Reason.NONE, Reason.UNKNOWN_SYMBOL, Reason.MALFORMED, Reason.PRICE_OFF_TICK, Reason.QTY_OFF_LOT], np.uint8
)
_WIDE = [Op[word.upper()] for word in WIDE_OPS]
_FIXED = ("base", "quote", "lot_base_units", "tick_lot_quote_units")


def malformed_command() -> np.ndarray:
    """What a frame becomes that is no command: the engine answers it `rejected` `malformed`. Shape (1,)."""
    command = np.zeros(1, COMMAND)
    command["op"] = Op.MALFORMED
    command["account"] = NO_ACCOUNT
    command["client_id"] = command["orig_client_id"] = NO_ID
    return command


def disconnect_command(account: int) -> np.ndarray:
    """A mass cancel of everything of an account whose session went silent. Shape (1,)."""
    command = malformed_command()
    command["op"], command["flags"], command["account"] = Op.MASS_CANCEL, CMD_DISCONNECT, account
    command["symbol"] = NO_SYMBOL
    return command


def needs_catalog(commands: np.ndarray) -> bool:
    """Whether `vet` looks up what is listed."""
    return bool(np.isin(commands["op"], _WIDE).any())


def vet(commands: np.ndarray, catalog: Catalog, trade_of: TradeOf) -> list[str]:
    """Mend COMMAND records in place; returns what was wrong with those that became malformed, naming the field."""
    commands["ingress_ns"] = 0  # stamped here, not by the client
    strange = ~np.isin(commands["refuse"], _READERS_REASONS)
    commands["refuse"][strange] = Reason.MALFORMED
    wrong = [f"refuse: expected a reason that reading finds, command {at}" for at in np.flatnonzero(strange)]
    wrong += _vet_flags(commands)
    for at in np.flatnonzero(np.isin(commands["op"], _WIDE)).tolist():
        row = commands[at : at + 1]
        if row["refuse"][0]:
            continue
        if row["op"][0] == Op.BUST:
            _refill_bust(row, trade_of)
            continue
        try:
            _check_listing(row, catalog)
        except (ConfigError, ValueError) as error:
            wrong.append(str(error))
            row[:] = malformed_command()
    return wrong


def _vet_flags(commands: np.ndarray) -> list[str]:
    """Only entry may say that a session is gone, and a group has to end where its frame does, at the latest."""
    wrong = []
    flags = commands["flags"]
    for at in np.flatnonzero(flags & CMD_DISCONNECT).tolist():
        wrong.append(f"flags: DISCONNECT is not for clients, command {at}")
        commands["refuse"][at] = Reason.MALFORMED
    flags &= ~np.uint8(CMD_DISCONNECT)
    goes_on = flags & CMD_GROUP != 0
    begins = np.flatnonzero(goes_on & ~np.concatenate([[False], goes_on[:-1]])).tolist()
    ends = np.flatnonzero(~goes_on)  # the last of a group among them
    for first in begins:
        last = int(ends[at]) if (at := int(np.searchsorted(ends, first))) < len(ends) else len(commands)
        group = commands[first : last + 1]
        if last < len(commands) and len(group) <= GROUP_MAX and (group["op"] == Op.PLACE).all():
            continue
        wrong.append(f"flags: expected a GROUP of 1 to {GROUP_MAX} whole places in one frame, command {first}")
        group["refuse"] = Reason.MALFORMED
        group["flags"] &= ~np.uint8(CMD_GROUP)
    return wrong


def _refill_bust(row: np.ndarray, trade_of: TradeOf) -> None:
    """Only the journal says what a trade was: a client that wrote it itself could move anybody's money."""
    trade_seq, ts_ns = int(row.view(COMMAND_BUST)["trade_seq"][0]), int(row["ts_ns"][0])
    row.view(np.uint8)[:] = 0
    row["ts_ns"] = ts_ns
    fill_bust(row, trade_seq, trade_of(trade_seq) if trade_seq > 0 else None)


def _check_listing(row: np.ndarray, catalog: Catalog) -> None:
    """Raises ConfigError (ValueError: no tick or lot) where a listing or change breaks a rule of the TOML form.

    A change of what is not listed is refused as that.
    """
    if row["op"][0] == Op.LIST_ASSET:
        asked = row.view(COMMAND_LIST_ASSET)[0]
        check_asset({"name": _name(asked), "decimals": int(asked["decimals"])}, catalog, "list_asset")
        return
    asked = row.view(COMMAND_LIST_INSTRUMENT)[0]
    where = "list_instrument" if row["op"][0] == Op.LIST_INSTRUMENT else "change_instrument"
    symbol = _name(asked)
    for field in ("base", "quote"):
        if int(asked[field]) >= len(catalog.assets):
            raise ConfigError(f"{where}.{field}", f"expected a declared asset's id, not {int(asked[field])}")
    base, quote = (catalog.assets[int(asked[field])] for field in ("base", "quote"))
    terms = {name: int(asked[name]) for name in LISTING_FIELDS}
    for field in ("lot_base_units", "tick_lot_quote_units", "price_min_ticks", "price_max_ticks"):
        if terms[field] <= 0:
            raise ConfigError(f"{where}.{field}", f"expected a value above zero, not {terms[field]}")
    fields = make_instrument(0, symbol, base, quote, terms).to_dict()
    if row["op"][0] == Op.LIST_INSTRUMENT:
        check_instrument(fields, catalog, where)
        return
    known = catalog.find_instrument(symbol)
    if known is None or not known.listed:
        row["refuse"] = Reason.UNKNOWN_SYMBOL
        return
    for field in _FIXED:
        if int(asked[field]) != getattr(known, field):
            raise ConfigError(f"{where}.{field}", "expected to stay: it can't be changed")
    check_terms(fields, base, quote, where)


def _name(asked: np.void) -> str:
    try:
        text: str = asked["name"].decode("ascii")
    except UnicodeDecodeError as error:
        raise ConfigError("name", "expected ASCII letters, digits and -") from error
    return text
