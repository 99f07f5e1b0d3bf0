"""Every code number that stands in a record, in one place.

Names are the words of the JSON form (lower case). Numbers are part of the wire format: they are
never reused, new ones go at the end.
"""

from enum import IntEnum


class Op(IntEnum):
    """What a command asks for. MALFORMED is a command whose text could not be understood."""

    MALFORMED = 0
    LIST_ASSET = 1
    LIST_INSTRUMENT = 2
    DEPOSIT = 3
    WITHDRAW = 4
    PLACE = 5
    CANCEL = 6
    AMEND = 7
    MASS_CANCEL = 8
    SUSPEND = 9
    UNSUSPEND = 10
    HALT = 11
    RESUME = 12
    BUST = 13
    TIME = 14


class EventType(IntEnum):
    """What an event record says has happened."""

    ACCEPTED = 1
    REJECTED = 2
    TRADE = 3
    CANCELLED = 4
    AMENDED = 5
    TRIGGERED = 6
    BUSTED = 7
    DEPOSITED = 8
    WITHDRAWN = 9
    SUSPENDED = 10
    UNSUSPENDED = 11
    HALTED = 12
    RESUMED = 13
    MASS_CANCELLED = 14
    LISTED_ASSET = 15
    LISTED_INSTRUMENT = 16
    TIME = 17


class Side(IntEnum):
    """Buy or sell; of the taker in a trade."""

    BUY = 0
    SELL = 1


class OrderType(IntEnum):
    """How an order is priced."""

    LIMIT = 0
    MARKET = 1
    STOP = 2
    STOP_LIMIT = 3


class Tif(IntEnum):
    """Time in force."""

    GTC = 0
    IOC = 1
    FOK = 2
    GTD = 3


class Stp(IntEnum):
    """Self-trade prevention mode of the taker."""

    NONE = 0
    CANCEL_TAKER = 1
    CANCEL_MAKER = 2
    CANCEL_BOTH = 3
    DECREMENT = 4


class Reason(IntEnum):
    """Why a command was refused or an order ended. Bands: 1.. refusals, 64.. cancellations."""

    NONE = 0
    # refusals, first group
    DUPLICATE_CLIENT_ID = 1
    # second group
    UNKNOWN_ACCOUNT = 8
    UNKNOWN_SYMBOL = 9
    UNKNOWN_ORDER = 10
    ACCOUNT_SUSPENDED = 11
    SYMBOL_HALTED = 12
    MALFORMED = 13
    PRICE_OFF_TICK = 14
    QTY_OFF_LOT = 15
    PRICE_OUT_OF_BAND = 16
    QTY_OUT_OF_RANGE = 17
    NOTIONAL_TOO_SMALL = 18
    SUPPLY_EXCEEDED = 19
    # third group
    WOULD_CROSS = 32
    FOK_UNFILLED = 33
    INSUFFICIENT_FUNDS = 34
    BOOK_FULL = 35
    STORAGE_FULL = 36
    OVERLOADED = 37
    # why an open order ended
    USER = 64
    IOC_REMAINDER = 65
    MARKET_REMAINDER = 66
    SELF_TRADE = 67
    EXPIRED = 68
    MASS_CANCEL = 69
    DISCONNECT = 70
    RISK = 71
    HALTED = 72
    DELISTED = 73
    TOO_MANY_FILLS = 74


class MarketType(IntEnum):
    """What a market-ring record says."""

    TRADE = 1
    BBO = 2
    DEPTH = 3
    TICKER = 4
    CANDLE = 5
    STATUS = 6


# Event flags (EVENT.flags)
FLAG_LAST = 1  # last event of its command
FLAG_RESTS = 2  # after this event what is left of the active order joins the book

# Command flags (COMMAND.flags)
CMD_POST_ONLY = 1
# An amend read from text, which names no symbol: price and qty are mantissa x 10**-places (COMMAND.*_places), without
# trailing zeros behind the point; the engine turns them into ticks and lots once it knows the order's instrument.
CMD_DECIMAL = 2

# Command field mask (COMMAND.mask): which optional fields the sender gave
HAS_PRICE = 1
HAS_QTY = 2
HAS_STOP_PRICE = 4
HAS_DISPLAY = 8
HAS_EXPIRE = 16
HAS_BUDGET = 32

# "not there" in integer fields that may legitimately be 0
NO_ID = -1  # client_id, request_id (i64)
NO_ACCOUNT = 0xFFFFFFFF  # account (u32): largest usable account is 2**32 - 2
NO_SYMBOL = 0xFFFFFFFF  # symbol and asset ids (u32)
