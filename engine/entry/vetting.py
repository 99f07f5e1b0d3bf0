"""What a binary command may not say of itself: made harmless before the engine, and with it every reader, sees it.

Text is checked by `config.json_commands`; here is the same for records that a client filled in. Orders and funds
need nothing: the engine doubts every field of theirs.
"""

import numpy as np

from config.catalog import LISTING_FIELDS, Catalog
from config.errors import ConfigError
from config.instruments import check_asset, check_instrument
from config.json_commands import TradeOf, fill_bust
from ringbuf.codes import NO_ACCOUNT, NO_ID, Op, Reason
from ringbuf.records import COMMAND, COMMAND_BUST, COMMAND_LIST_ASSET, COMMAND_LIST_INSTRUMENT

# What reading a text can find; any other code would stand in an event as a reason that nobody knows.
_READERS_REASONS = np.array(
    [Reason.NONE, Reason.UNKNOWN_SYMBOL, Reason.MALFORMED, Reason.PRICE_OFF_TICK, Reason.QTY_OFF_LOT], np.uint8
)
_WIDE = (Op.LIST_ASSET, Op.LIST_INSTRUMENT, Op.BUST)


def malformed_command() -> np.ndarray:
    """What a frame becomes that is no command: the engine answers it `rejected` `malformed`. Shape (1,)."""
    command = np.zeros(1, COMMAND)
    command["op"] = Op.MALFORMED
    command["account"] = NO_ACCOUNT
    command["client_id"] = command["orig_client_id"] = NO_ID
    return command


def vet(commands: np.ndarray, catalog: Catalog, trade_of: TradeOf) -> list[str]:
    """Mend COMMAND records in place; returns what was wrong with those that became malformed, naming the field."""
    commands["ingress_ns"] = 0  # stamped here, not by the client
    strange = ~np.isin(commands["refuse"], _READERS_REASONS)
    commands["refuse"][strange] = Reason.MALFORMED
    wrong = [f"refuse: expected a reason that reading finds, command {at}" for at in np.flatnonzero(strange)]
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


def _refill_bust(row: np.ndarray, trade_of: TradeOf) -> None:
    """Only the journal says what a trade was: a client that wrote it itself could move anybody's money."""
    trade_seq, ts_ns = int(row.view(COMMAND_BUST)["trade_seq"][0]), int(row["ts_ns"][0])
    row.view(np.uint8)[:] = 0
    row["ts_ns"] = ts_ns
    fill_bust(row, trade_seq, trade_of(trade_seq) if trade_seq > 0 else None)


def _check_listing(row: np.ndarray, catalog: Catalog) -> None:
    """Raises ConfigError (a ValueError for bytes that are no name) where the listing breaks a rule of the TOML form."""
    if row["op"][0] == Op.LIST_ASSET:
        asked = row.view(COMMAND_LIST_ASSET)[0]
        check_asset({"name": _name(asked), "decimals": int(asked["decimals"])}, catalog, "list_asset")
        return
    asked = row.view(COMMAND_LIST_INSTRUMENT)[0]
    for field in ("base", "quote"):
        if int(asked[field]) >= len(catalog.assets):
            raise ConfigError(f"list_instrument.{field}", f"expected a declared asset's id, not {int(asked[field])}")
    terms = {name: int(asked[name]) for name in LISTING_FIELDS}
    for field in ("lot_base_units", "tick_lot_quote_units", "price_min_ticks", "price_max_ticks"):
        if terms[field] <= 0:
            raise ConfigError(f"list_instrument.{field}", f"expected a value above zero, not {terms[field]}")
    trial = Catalog()
    for asset in catalog.assets:
        trial.add_asset(asset.name, asset.decimals)
    listed = trial.add_instrument(_name(asked), int(asked["base"]), int(asked["quote"]), terms)
    check_instrument(listed.to_dict(), catalog, "list_instrument")


def _name(asked: np.void) -> str:
    try:
        text: str = asked["name"].decode("ascii")
    except UnicodeDecodeError as error:
        raise ConfigError("name", "expected ASCII letters, digits and -") from error
    return text
