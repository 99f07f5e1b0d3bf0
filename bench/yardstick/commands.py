"""The yardstick's messages as matchline commands: two funded accounts, fees on, self-trade prevention off."""

import numpy as np

from bench.yardstick.workload import CANCEL, NEW
from config.catalog import Catalog
from ringbuf.codes import HAS_PRICE, HAS_QTY, NO_ID, NO_SYMBOL, Op, OrderType, Stp, Tif
from ringbuf.records import COMMAND

BUYER, SELLER = 1, 2
START_NS = 1_700_000_000_000_000_000
DEPOSIT_UNITS = 1 << 60
# Small enough for 10**6 orders of 101 lots at 10**5 ticks to be funded, large enough for a fee on one lot.
LOT_BASE_UNITS = 10_000
TICK_LOT_QUOTE_UNITS = 100
PRICE_MAX_TICKS = 10_000_000


def setup_commands() -> np.ndarray:
    """Listings and deposits, dtype COMMAND: what stands before the yardstick's first message."""
    catalog = Catalog()
    catalog.add_asset("CASH", 2)
    catalog.add_asset("STOCK", 4)
    terms = {
        "lot_base_units": LOT_BASE_UNITS,
        "tick_lot_quote_units": TICK_LOT_QUOTE_UNITS,
        "price_min_ticks": 1,
        "price_max_ticks": PRICE_MAX_TICKS,
        "maker_fee_ppm": 100,
        "taker_fee_ppm": 200,
        "qty_min_lots": 0,
        "qty_max_lots": 0,
        "min_notional": 0,
        "market_collar_ppm": 0,
        "max_open_orders": 0,
    }
    catalog.add_instrument("STOCK-CASH", 1, 0, terms)
    deposits = np.zeros(4, COMMAND)
    deposits["op"] = Op.DEPOSIT
    deposits["ts_ns"] = START_NS
    deposits["account"] = [BUYER, BUYER, SELLER, SELLER]
    deposits["symbol"] = [0, 1, 0, 1]  # asset ids
    deposits["client_id"] = [1, 2, 1, 2]
    deposits["qty_lots"] = DEPOSIT_UNITS
    deposits["mask"] = HAS_QTY
    return np.concatenate([catalog.seed_commands(), deposits])


def commands_of(messages: np.ndarray) -> np.ndarray:
    """One command a message, dtype COMMAND; `order_id` of amend and cancel is left for the run to fill in."""
    kind, side = messages["kind"], messages["side"]
    commands = np.zeros(len(messages), COMMAND)
    commands["op"] = np.choose(kind, [int(Op.PLACE), int(Op.AMEND), int(Op.CANCEL)])
    commands["ts_ns"] = START_NS + 1 + np.arange(len(messages)) * 1_000
    commands["account"] = np.where(side == 0, BUYER, SELLER)
    commands["side"] = side
    commands["order_type"] = OrderType.LIMIT
    commands["tif"] = np.where(messages["ioc"] == 1, int(Tif.IOC), int(Tif.GTC))
    commands["stp"] = Stp.NONE
    commands["symbol"] = np.where(kind == NEW, 0, NO_SYMBOL)
    commands["orig_client_id"] = NO_ID
    commands["price_ticks"] = messages["price"]
    commands["qty_lots"] = messages["qty"]
    commands["mask"] = np.where(kind == CANCEL, 0, HAS_PRICE | HAS_QTY)
    for account in (BUYER, SELLER):
        own = commands["account"] == account
        commands["client_id"][own] = np.arange(3, 3 + int(own.sum()))
    return commands
