"""One case a rule, as data: what is asked, and every event that must answer. Both engines run them.

A case runs on INSTRUMENTS; seq 1 to 3 are the listings. Accounts 1 and 2 begin with BEGIN (seq 4 to 7), so a case's own
events start at seq 8. Written compactly: `expected` gives each event without seq and ts_ns, balances as "available
frozen" for what the case is about. These are about limit and market orders; the others have a file each.
"""

from tests.reference import (
    cases_auction,
    cases_auction_end,
    cases_changes,
    cases_entry,
    cases_group,
    cases_gtd,
    cases_iceberg,
    cases_pairs,
    cases_replace,
    cases_states,
    cases_stop,
    cases_trailing,
    cases_waiting,
)
from tests.reference.case import Case, Command, Event, Row, about, accepted, fund, place, trade


def _refusal(reason: str, command: Command) -> Row:
    event = about("rejected", command["account"], command["client_id"], reason=reason)
    if reason in ("malformed", "unknown_symbol"):
        del event["symbol"]
    return f"a place is refused with {reason}: {command}", [command], [event], {}


S8 = accepted(1, 3, 8, "sell", "1.0", "20.0")  # the maker of most cases
SELL = place(1, 3, "sell", "1", "20")

REFUSALS: list[Row] = [
    _refusal("unknown_account", place(9, 3, "buy", "1", "20")),
    _refusal("unknown_symbol", place(1, 3, "buy", "1", "20", symbol="XX-YY")),
    _refusal("price_off_tick", place(1, 3, "buy", "1", "20.05")),
    _refusal("qty_off_lot", place(1, 3, "buy", "1.05", "20")),
    _refusal("price_out_of_band", place(1, 3, "buy", "1", "100.1")),
    _refusal("price_out_of_band", place(1, 3, "buy", "1", "-20")),
    _refusal("qty_out_of_range", place(1, 3, "buy", "0", "20")),
    _refusal("insufficient_funds", place(1, 3, "buy", "50.1", "20")),
    _refusal("insufficient_funds", place(1, 3, "sell", "10.1", "20")),
    _refusal("insufficient_funds", place(1, 3, "sell", "10.1")),
    _refusal("fok_unfilled", place(1, 3, "buy", "1", "20", tif="fok")),
    _refusal("malformed", place(1, 3, "buy", "abc", "20")),
    _refusal("malformed", place(1, 3, "buy", "NaN", "20")),
    _refusal("malformed", place(1, 3, "buy", "1", "20") | {"price": 20.0}),
    _refusal("malformed", place(1, 3, "buy", "1", "20", type="market")),
    _refusal("malformed", place(1, 3, "buy", "1", "20", tif="ioc", post_only=True)),
    _refusal("malformed", place(1, 3, "buy", "1", tif="gtd")),
    _refusal("malformed", place(1, 3, "buy", "1", quote_budget="5")),
    _refusal("malformed", place(1, 3, "buy", None)),
    _refusal("malformed", place(1, 3, "sell", None, quote_budget="5")),
    _refusal("malformed", place(1, 3, "buy", None, quote_budget="5", tif="fok")),
    _refusal("malformed", place(1, 3, "buy", None, quote_budget="5", stp="decrement")),
    _refusal("malformed", place(1, 3, "bid", "1", "20")),
    _refusal("malformed", place(1, 3, "buy", "99999999999999999999", "20")),
]

MATCHING: list[Row] = [
    (
        "a trade prints at the maker's price, fees come off what each receives, improvement is freed",
        [SELL, place(2, 3, "buy", "0.4", "21")],
        [
            S8,
            (b9 := accepted(2, 3, 9, "buy", "0.4", "21.0")),
            trade(b9, S8, "20.0", "0.4", "0.0", "0.6", "0.008 0.08"),
        ],
        {"1 USD": "1007.92 0.00", "1 ETH": "9.000 0.600", "2 USD": "992.00 0.00", "2 ETH": "10.392 0.000"},
    ),
    (
        "what an ioc leaves is cancelled",
        [SELL, place(2, 3, "buy", "1.5", "20", tif="ioc")],
        [
            S8,
            (b9 := accepted(2, 3, 9, "buy", "1.5", "20.0")),
            trade(b9, S8, "20.0", "1.0", "0.5", "0.0", "0.020 0.20"),
            about("cancelled", 2, 3, 9, reason="ioc_remainder", qty="0.5"),
        ],
        {"2 USD": "980.00 0.00"},
    ),
    (
        "what the book cannot give a market order is cancelled",
        [SELL, place(2, 3, "buy", "1.5")],
        [
            S8,
            (b9 := accepted(2, 3, 9, "buy", "1.5")),
            trade(b9, S8, "20.0", "1.0", "0.5", "0.0", "0.020 0.20"),
            about("cancelled", 2, 3, 9, reason="market_remainder", qty="0.5"),
        ],
        {"2 USD": "980.00 0.00"},
    ),
    (
        "a budget becomes whole lots at acceptance, and what it leaves was never frozen",
        [SELL, place(2, 3, "buy", None, quote_budget="5")],
        [S8, (b9 := accepted(2, 3, 9, "buy", "0.2")), trade(b9, S8, "20.0", "0.2", "0.0", "0.8", "0.004 0.04")],
        {"2 USD": "996.00 0.00"},
    ),
    (
        "a budget that buys nothing is accepted with nothing and ends",
        [place(2, 3, "buy", None, quote_budget="5")],
        [accepted(2, 3, 8, "buy", "0.0"), about("cancelled", 2, 3, 8, reason="market_remainder", qty="0.0")],
        {"2 USD": "1000.00 0.00"},
    ),
    (
        "a budget that meets an own order first ends by self_trade",
        [SELL, place(1, 4, "buy", None, quote_budget="5")],
        [S8, accepted(1, 4, 9, "buy", "0.0"), about("cancelled", 1, 4, 9, reason="self_trade", qty="0.0")],
        {},
    ),
    (
        "post_only is refused where it would trade, and so is its amend",
        [
            SELL,
            place(2, 3, "buy", "1", "20", post_only=True),
            place(2, 4, "buy", "1", "19", post_only=True),
            {"op": "amend", "account": 2, "client_id": 5, "orig_client_id": 4, "price": "20"},
        ],
        [
            S8,
            about("rejected", 2, 3, reason="would_cross"),
            accepted(2, 4, 10, "buy", "1.0", "19.0"),
            about("rejected", 2, 5, 10, reason="would_cross"),
        ],
        {"2 USD": "981.00 19.00"},
    ),
]


def _own(stp: str, qty: str, *events: Event) -> Row:
    taker = accepted(1, 4, 9, "buy", f"{qty}.0", "20.0")
    return f"self-trade under {stp}", [SELL, place(1, 4, "buy", qty, "20", stp=stp)], [S8, taker, *events], {}


MAKER_OFF = about("cancelled", 1, 3, 8, request_id=4, reason="self_trade", qty="1.0")
SELF_TRADE: list[Row] = [
    _own("cancel_taker", "2", about("cancelled", 1, 4, 9, reason="self_trade", qty="2.0")),
    _own("cancel_maker", "2", MAKER_OFF),
    _own("cancel_both", "2", MAKER_OFF, about("cancelled", 1, 4, 9, reason="self_trade", qty="2.0")),
    _own("decrement", "2", MAKER_OFF, about("amended", 1, 4, 9, reason="self_trade", price="20.0", qty="1.0")),
    _own("decrement", "1", MAKER_OFF, about("cancelled", 1, 4, 9, reason="self_trade", qty="1.0")),
    _own("none", "1", trade(accepted(1, 4, 9, "buy", "1.0", "20.0"), S8, "20.0", "1.0", "0.0", "0.0", "0.020 0.20")),
]

AMEND = {"op": "amend", "account": 1, "client_id": 4, "orig_client_id": 3}
BUY9 = place(2, 3, "buy", "1", "19")
B9 = accepted(2, 3, 9, "buy", "1.0", "19.0")

LIFE: list[Row] = [
    (
        "less at the same price keeps its place, more goes to the back",
        [
            SELL,
            place(2, 3, "sell", "1", "20"),
            AMEND | {"qty": "0.5"},
            {"op": "amend", "account": 2, "client_id": 4, "order_id": 9, "qty": "2"},
            place(2, 5, "buy", "0.1", "20", stp="none"),
        ],
        [
            S8,
            accepted(2, 3, 9, "sell", "1.0", "20.0"),
            about("amended", 1, 3, 8, request_id=4, price="20.0", qty="0.5"),
            about("amended", 2, 3, 9, request_id=4, price="20.0", qty="2.0"),
            (b12 := accepted(2, 5, 12, "buy", "0.1", "20.0")),
            trade(b12, S8, "20.0", "0.1", "0.0", "0.4", "0.002 0.02"),
        ],
        {"1 ETH": "9.500 0.400"},
    ),
    (
        "an amend to a crossing price trades at once as taker",
        [SELL, BUY9, AMEND | {"price": "18"}],
        [
            S8,
            B9,
            about("amended", 1, 3, 8, request_id=4, price="18.0", qty="1.0"),
            trade(S8, B9, "19.0", "1.0", "0.0", "0.0", "0.38 0.010") | {"request_id": 4},
        ],
        {"1 USD": "1018.62 0.00", "2 ETH": "10.990 0.000"},
    ),
    (
        "a refused amend leaves the order",
        [SELL, AMEND | {"qty": "10.1"}, AMEND | {"client_id": 5}],
        [
            S8,
            about("rejected", 1, 4, 8, reason="insufficient_funds"),
            {"type": "rejected", "account": 1, "client_id": 5, "reason": "malformed"},
        ],
        {"1 ETH": "9.000 1.000"},
    ),
    (
        "client ids: a seen one names its open order, the 64 below the highest are new once",
        [
            place(1, 100, "sell", "1", "20"),
            place(1, 100, "sell", "1", "20"),
            place(1, 36, "sell", "1", "20"),
            place(1, 35, "sell", "1", "20"),
            {"op": "cancel", "account": 1, "client_id": 37, "order_id": 8},
            place(1, 100, "sell", "1", "20"),
        ],
        [
            accepted(1, 100, 8, "sell", "1.0", "20.0"),
            about("rejected", 1, 100, 8, reason="duplicate_client_id"),
            accepted(1, 36, 10, "sell", "1.0", "20.0"),
            about("rejected", 1, 35, reason="duplicate_client_id"),
            about("cancelled", 1, 100, 8, request_id=37, reason="user", qty="1.0"),
            about("rejected", 1, 100, reason="duplicate_client_id"),
        ],
        {"1 ETH": "9.000 1.000"},
    ),
    (
        "mass_cancel ends orders oldest first and says how many",
        [SELL, place(1, 4, "buy", "1", "10"), {"op": "mass_cancel", "account": 1, "client_id": 5}],
        [
            S8,
            accepted(1, 4, 9, "buy", "1.0", "10.0"),
            about("cancelled", 1, 3, 8, request_id=5, reason="mass_cancel", qty="1.0"),
            about("cancelled", 1, 4, 9, request_id=5, reason="mass_cancel", qty="1.0"),
            {"type": "mass_cancelled", "account": 1, "client_id": 5, "qty": "2"},
        ],
        {"1 USD": "1000.00 0.00", "1 ETH": "10.000 0.000"},
    ),
    (
        "suspend ends orders and refuses new ones; withdrawals go on",
        [
            SELL,
            {"op": "suspend", "account": 1},
            place(1, 4, "sell", "1", "20"),
            {"op": "withdraw", "account": 1, "client_id": 5, "asset": "ETH", "amount": "10"},
            {"op": "unsuspend", "account": 1},
        ],
        [
            S8,
            {"type": "suspended", "account": 1},
            about("cancelled", 1, 3, 8, reason="risk", qty="1.0"),
            about("rejected", 1, 4, reason="account_suspended"),
            {"type": "withdrawn", "account": 1, "client_id": 5, "asset": "ETH", "amount": "10.000"},
            {"type": "unsuspended", "account": 1},
        ],
        {"1 ETH": "0.000 0.000"},
    ),
    (
        "halt refuses place and amend and lets cancel",
        [
            SELL,
            {"op": "halt"},
            place(2, 3, "buy", "1", "20"),
            AMEND | {"qty": "0.5"},
            {"op": "cancel", "account": 1, "client_id": 5, "orig_client_id": 3},
            {"op": "resume", "symbol": "ETH-USD"},
        ],
        [
            S8,
            {"type": "halted"},
            about("rejected", 2, 3, reason="symbol_halted"),
            about("rejected", 1, 4, 8, reason="symbol_halted"),
            about("cancelled", 1, 3, 8, request_id=5, reason="user", qty="1.0"),
            {"type": "resumed", "symbol": "ETH-USD"},
        ],
        {},
    ),
    (
        "a bust gives everything back, fees too; who can't return it is below zero and suspended until covered",
        [
            SELL,
            place(2, 3, "buy", "1", "20"),
            {"op": "withdraw", "account": 1, "client_id": 4, "asset": "USD", "amount": "1010"},
            {"op": "bust", "trade_seq": 10},
            {"op": "bust", "trade_seq": 10},
            {"op": "unsuspend", "account": 1},
            fund(1, "USD", "10", 5),
            {"op": "unsuspend", "account": 1},
        ],
        [
            S8,
            (b9 := accepted(2, 3, 9, "buy", "1.0", "20.0")),
            trade(b9, S8, "20.0", "1.0", "0.0", "0.0", "0.020 0.20"),
            {"type": "withdrawn", "account": 1, "client_id": 4, "asset": "USD", "amount": "1010.00"},
            {"type": "busted", "symbol": "ETH-USD", "account": 2, "order_id": 9, "trade_seq": 10},
            {"type": "suspended", "account": 1},
            {"type": "rejected", "reason": "unknown_order"},
            {"type": "rejected", "account": 1, "reason": "insufficient_funds"},
            {"type": "deposited", "account": 1, "client_id": 5, "asset": "USD", "amount": "10.00"},
            {"type": "unsuspended", "account": 1},
        ],
        {"1 USD": "0.00 0.00", "1 ETH": "10.000 0.000", "2 USD": "1000.00 0.00", "2 ETH": "10.000 0.000"},
    ),
]

ROWS = [*REFUSALS, *MATCHING, *SELF_TRADE, *LIFE]
CASES = [
    *(Case(*row) for row in ROWS),
    *cases_stop.CASES,
    *cases_waiting.CASES,
    *cases_iceberg.CASES,
    *cases_gtd.CASES,
    *cases_entry.CASES,
    *cases_pairs.CASES,
    *cases_trailing.CASES,
    *cases_replace.CASES,
    *cases_states.CASES,
    *cases_auction.CASES,
    *cases_auction_end.CASES,
    *cases_group.CASES,
    *cases_changes.CASES,
]
