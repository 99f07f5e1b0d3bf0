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
    REPLACE = 15
    STATE = 16
    CHANGE_INSTRUMENT = 17
    DELIST_INSTRUMENT = 18
    DELIST_ASSET = 19


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
    STATE = 18
    UNCROSSED = 19
    CHANGED_INSTRUMENT = 20
    DELISTED_INSTRUMENT = 21
    DELISTED_ASSET = 22


# The events that change what is listed.
LISTINGS = (
    EventType.LISTED_ASSET,
    EventType.LISTED_INSTRUMENT,
    EventType.CHANGED_INSTRUMENT,
    EventType.DELISTED_INSTRUMENT,
    EventType.DELISTED_ASSET,
)


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
    TAKE_PROFIT = 4
    TAKE_PROFIT_LIMIT = 5
    TRAILING_STOP = 6


FIRST_WAITING = OrderType.STOP  # this type and all behind it wait for a trigger
PRICED = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT)  # the others have no limit price


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


class SymbolState(IntEnum):
    """What a symbol takes and whether it trades; see docs/orders.md."""

    OPEN = 0
    HALTED = 1
    POST_ONLY = 2
    CANCEL_ONLY = 3
    AUCTION = 4
    CLOSED = 5


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
    STATE_FORBIDS = 20
    # third group
    WOULD_CROSS = 32
    FOK_UNFILLED = 33
    INSUFFICIENT_FUNDS = 34
    BOOK_FULL = 35
    STORAGE_FULL = 36
    OVERLOADED = 37
    MIN_QTY_UNFILLED = 38
    GROUP_REFUSED = 39
    NOT_PERMITTED = 40  # the entry's own answer, never in an event: the session's key does not allow it
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
    OCO = 75
    TRAILED = 76
    VOLATILITY = 77


class MarketType(IntEnum):
    """What a market-ring record says."""

    TRADE = 1
    BBO = 2
    DEPTH = 3
    TICKER = 4
    CANDLE = 5
    STATUS = 6
    AUCTION = 7


# Event flags (EVENT.flags)
FLAG_LAST = 1  # last event of its command or step; where a batch may end: ringbuf.cuts
FLAG_RESTS = 2  # after this event what is left of the active order joins the book, or waits
FLAG_MORE = 4  # beside FLAG_LAST: the next command belongs to the same group, so nothing may be cut here
FLAG_AUCTION = 8  # a trade of an uncross: the buyer in the taker's place

# Command flags (COMMAND.flags)
CMD_POST_ONLY = 1
# An amend read from text, which names no symbol: price and qty are mantissa x 10**-places (COMMAND.*_places), without
# trailing zeros behind the point; the engine turns them into ticks and lots once it knows the order's instrument.
CMD_DECIMAL = 2
CMD_GROUP = 4  # the next command of this producer belongs to the same group: all or none
CMD_DISCONNECT = (
    8  # a mass cancel by the entry, for an account whose session went silent: no client id, reason disconnect
)
CMD_ONE_SIDE = 16  # a mass cancel of one side
CMD_PAIRED = 32  # a place of a waiting order that is paired with the order in orig_client_id: one cancels the other

# Command field mask (COMMAND.mask): which optional fields the sender gave
HAS_PRICE = 1
HAS_QTY = 2
HAS_STOP_PRICE = 4
HAS_DISPLAY = 8
HAS_EXPIRE = 16
HAS_BUDGET = 32
HAS_TRAIL = 64  # the distance of a trailing stop, in price_ticks
HAS_MIN = 128

# order_flags of an EVENT_ORDER: bit 0 as CMD_POST_ONLY
ORDER_PAIRED = 2  # accepted: request_id is the client id of the order that it is paired with (one cancels the other)

STATUS_DELISTED = 255  # in a MARKET status record, in place of a SymbolState: the symbol is gone for good
GROUP_MAX = 16  # commands of a group
MAX_BAND_PPM = 1_000_000  # of a volatility band

# The session of the engine's own steps (a triggered order's run, an expiry, a trade of an uncross): no lane has this
# number, so they answer nobody.
STEP_LANE = 255
STEP_SESSION = STEP_LANE << 24

# "not there" in integer fields that may legitimately be 0
NO_ID = -1  # client_id, request_id (i64)
NO_ACCOUNT = 0xFFFFFFFF  # account (u32): largest usable account is 2**32 - 2
NO_SYMBOL = 0xFFFFFFFF  # symbol and asset ids (u32)
