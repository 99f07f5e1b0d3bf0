"""Cases of groups: all or none."""

from tests.reference.script import LIST_E2, case

CASES = [
    case(
        "all members enter, in order, each with its own client id and answer",
        "group",
        """
        place 2:3 sell limit 0.5@20
        > accepted 2:3#8 sell limit 0.5@20.0
        group 1 | place 1:3 buy limit 1@20 | place 1:4 sell limit 1@21 | place 1:5 buy limit 1@19
        > accepted 1:3#9 buy limit 1.0@20.0
        > trade 1:3#9 buy 0.5@20.0 leaves=0.5 maker=2#8:0.0
        > accepted 1:4#11 sell limit 1.0@21.0
        > accepted 1:5#12 buy limit 1.0@19.0
        """,
        {"1 USD": "961.00 29.00", "1 ETH": "9.500 1.000"},
    ),
    case(
        "if one fails, it says why and the others are group_refused; all client ids are used",
        "group",
        """
        group 1 | place 1:3 buy limit 1@20 | place 1:4 buy limit 1@20.05 | place 1:5 sell limit 11@20
        > rejected 1:3 group_refused
        > rejected 1:4 price_off_tick
        > rejected 1:5 insufficient_funds
        place 1:3 buy limit 1@20
        > rejected 1:3 duplicate_client_id
        place 1:4 buy limit 1@20
        > rejected 1:4 duplicate_client_id
        place 1:6 buy limit 1@20
        > accepted 1:6#13 buy limit 1.0@20.0
        """,
        {"1 USD": "980.00 20.00"},
    ),
    case(
        "funds are the sum over the group: the first that is too much fails, a smaller one after it would do",
        "group",
        """
        group 1 | place 1:3 buy limit 30@20 | place 1:4 sell limit 10@30 | place 1:5 buy limit 21@20 | place \
            1:6 buy limit 20@20
        > rejected 1:3 group_refused
        > rejected 1:4 group_refused
        > rejected 1:5 insufficient_funds
        > rejected 1:6 group_refused
        group 1 | place 1:7 buy limit 30@20 | place 1:8 sell limit 10@30 | place 1:9 buy limit 20@20
        > accepted 1:7#12 buy limit 30.0@20.0
        > accepted 1:8#13 sell limit 10.0@30.0
        > accepted 1:9#14 buy limit 20.0@20.0
        """,
        {"1 USD": "0.00 1000.00", "1 ETH": "0.000 10.000"},
    ),
    case(
        "post_only is judged against the book and all others of the group, later ones too, as if they rested",
        "group",
        """
        place 2:3 sell limit 1@25
        > accepted 2:3#8 sell limit 1.0@25.0
        group 1 | place 1:3 buy limit 1@20 post_only | place 1:4 sell limit 1@20
        > rejected 1:3 would_cross
        > rejected 1:4 group_refused
        group 1 | place 1:5 sell limit 1@20 | place 1:6 buy limit 1@20 post_only
        > rejected 1:5 group_refused
        > rejected 1:6 would_cross
        group 1 | place 1:7 buy limit 1@25 post_only | place 1:8 buy limit 1@20
        > rejected 1:7 would_cross
        > rejected 1:8 group_refused
        group 1 | place 1:9 buy limit 1@20 post_only | place 1:10 sell limit 1@20.1 post_only
        > accepted 1:9#15 buy limit 1.0@20.0
        > accepted 1:10#16 sell limit 1.0@20.1
        """,
        {"1 USD": "980.00 20.00"},
    ),
    case(
        "members that cross each other meet as own orders, with their stp",
        "group",
        """
        group 1 | place 1:3 sell limit 1@20 | place 1:4 buy limit 1@20 stp=decrement | place 1:5 buy limit 1@20
        > accepted 1:3#8 sell limit 1.0@20.0
        > accepted 1:4#9 buy limit 1.0@20.0
        > cancelled 1:3#8 self_trade 1.0 by=4
        > cancelled 1:4#9 self_trade 1.0
        > accepted 1:5#12 buy limit 1.0@20.0
        """,
        {"1 USD": "980.00 20.00", "1 ETH": "10.000 0.000"},
    ),
    case(
        "a member that is no limit that may rest, or of another account, or has a time, is malformed",
        "group stop gtd iceberg",
        """
        group 1 | place 1:3 buy market 1 | place 1:4 buy limit 1@20
        > rejected 1:3 malformed symbol=-
        > rejected 1:4 group_refused
        group 1 | place 1:5 buy limit 1@20 tif=ioc | place 2:6 buy limit 1@20
        > rejected 1:5 malformed symbol=-
        > rejected 1:6 malformed symbol=-
        group 1 | place 1:7 buy stop 1 stop_price=20 | cancel 1:8 of=3
        > rejected 1:7 malformed symbol=-
        > rejected 1:8 malformed symbol=-
        group 1 | place 1:9 buy limit 1@20 at=5 | place 1:10 buy limit 1@20 oco_client_id=3
        > rejected 1:9 malformed symbol=-
        > rejected 1:10 malformed symbol=-
        group 1 | place 1 buy limit 1@20 | place 1:11 buy limit 1@20
        > rejected 1 malformed symbol=-
        > rejected 1:11 group_refused
        group 1 | place 1:12 buy limit 1@20 tif=gtd until=5 | place 1:13 sell limit 1@21 display_qty=0.5
        > accepted 1:12#18 buy limit 1.0@20.0 until=5
        > accepted 1:13#19 sell limit 1.0@21.0 display_qty=0.5
        group 1 at=5 | place 1:14 buy limit 1@20 tif=gtd until=5 | place 1:15 buy limit 1@20 tif=gtd until=6
        > cancelled 1:12#18 expired 1.0 at=5
        > rejected 1:14 malformed at=5
        > rejected 1:15 group_refused at=5
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "what is no group is one malformed; who is unknown is so for each member",
        "group",
        """
        group 1
        > rejected 1 malformed symbol=-
        group 9 | place 9:3 buy limit 1@20 | place 9:4 buy limit 1@20
        > rejected 9:3 unknown_account
        > rejected 9:4 unknown_account
        group 1 | place 1:3 buy limit 1@20 symbol=NO-NO | place 1:4 buy limit 1@20
        > rejected 1:3 unknown_symbol symbol=-
        > rejected 1:4 group_refused
        group 1 | place 1:5 buy limit 1@20 | place 1:5 buy limit 1@20
        > rejected 1:5 group_refused
        > rejected 1:5 duplicate_client_id
        group 1 | place 1:6 buy limit 1@20
        > accepted 1:6#15 buy limit 1.0@20.0
        group 1 | place 1:6 buy limit 1@20
        > rejected 1:6#15 duplicate_client_id
        """,
        {"1 USD": "980.00 20.00"},
    ),
    case(
        "room counts over the group",
        "group",
        """
        group 1 | place 1:3 buy limit 1@20 | place 1:4 buy limit 1@20 | place 1:5 buy limit 1@20
        > rejected 1:3 group_refused
        > rejected 1:4 group_refused
        > rejected 1:5 book_full
        group 1 | place 1:6 buy limit 1@20 | place 1:7 buy limit 1@20
        > accepted 1:6#11 buy limit 1.0@20.0
        > accepted 1:7#12 buy limit 1.0@20.0
        """,
        {"1 USD": "960.00 40.00"},
        max_open_orders=2,
    ),
    case(
        "min_qty is judged against the book before the group",
        "group min_qty",
        """
        place 2:3 sell limit 1@20
        > accepted 2:3#8 sell limit 1.0@20.0
        group 1 | place 1:3 buy limit 1@20 | place 1:4 buy limit 1@20 min_qty=1
        > accepted 1:3#9 buy limit 1.0@20.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.0 maker=2#8:0.0
        > accepted 1:4#11 buy limit 1.0@20.0
        place 2:4 sell limit 1@22
        > accepted 2:4#12 sell limit 1.0@22.0
        group 1 | place 1:5 buy limit 2@22 min_qty=1.1 | place 1:6 buy limit 1@20
        > rejected 1:5 min_qty_unfilled
        > rejected 1:6 group_refused
        """,
        {"1 USD": "960.00 20.00"},
    ),
    case(
        "triggered orders enter when the whole group has ended, trailing stops follow once",
        "group stop trailing",
        """
        place 2:3 sell limit 1@20
        > accepted 2:3#8 sell limit 1.0@20.0
        place 2:4 sell limit 1@21
        > accepted 2:4#9 sell limit 1.0@21.0
        place 2:5 buy stop_limit 0.1@15 stop_price=20
        > accepted 2:5#10 buy stop_limit 0.1@15.0 stop_price=20.0
        place 2:6 sell trailing_stop 0.1 stop_price=10 trail=1
        > accepted 2:6#11 sell trailing_stop 0.1 stop_price=10.0 trail=1.0
        group 1 | place 1:3 buy limit 1@20 | place 1:4 buy limit 1@21
        > accepted 1:3#12 buy limit 1.0@20.0
        > trade 1:3#12 buy 1.0@20.0 leaves=0.0 maker=2#8:0.0
        > accepted 1:4#14 buy limit 1.0@21.0
        > trade 1:4#14 buy 1.0@21.0 leaves=0.0 maker=2#9:0.0
        > amended 2:6#11 0.1 trailed stop_price=20.0
        > triggered 2:5#10
        """,
        {"1 USD": "959.00 0.00"},
    ),
    case(
        "a group in a symbol that halts while it enters: what would trade is cancelled, what rests rests",
        "group states band",
        """
        state state=open reference_price=20 band_ppm=50000
        > state state=open reference_price=20.0 band_ppm=50000
        place 2:3 sell limit 1@22
        > accepted 2:3#9 sell limit 1.0@22.0
        group 1 | place 1:3 buy limit 1@22 | place 1:4 buy limit 1@22 | place 1:5 buy limit 1@20 | place 1:6 \
            sell limit 1@21
        > accepted 1:3#10 buy limit 1.0@22.0
        > cancelled 1:3#10 volatility 1.0
        > halted volatility
        > accepted 1:4#13 buy limit 1.0@22.0
        > cancelled 1:4#13 volatility 1.0
        > accepted 1:5#15 buy limit 1.0@20.0
        > accepted 1:6#16 sell limit 1.0@21.0
        """,
        {"1 USD": "980.00 20.00", "1 ETH": "9.000 1.000"},
    ),
    case(
        "states judge each member; in post_only members may not cross each other either",
        "group states",
        """
        state state=post_only
        > state state=post_only
        group 1 | place 1:3 buy limit 1@20 | place 1:4 sell limit 1@20
        > rejected 1:3 would_cross
        > rejected 1:4 would_cross
        group 1 | place 1:5 buy limit 1@20 | place 1:6 sell limit 1@21
        > accepted 1:5#11 buy limit 1.0@20.0
        > accepted 1:6#12 sell limit 1.0@21.0
        state state=closed
        > state state=closed
        group 1 | place 1:7 buy limit 1@20 | place 1:8 buy limit 1@20.05
        > rejected 1:7 state_forbids
        > rejected 1:8 state_forbids
        """,
        {"1 USD": "980.00 20.00"},
    ),
    case(
        "what a group sets going in several symbols goes symbol by symbol",
        "group stop",
        LIST_E2
        + """
        place 2:3 sell limit 1@20
        > accepted 2:3#9 sell limit 1.0@20.0
        place 2:4 sell limit 1@20 symbol=E2
        > accepted 2:4#10 sell limit 1.0@20.0 symbol=E2
        place 1:3 buy stop_limit 0.1@15 stop_price=20
        > accepted 1:3#11 buy stop_limit 0.1@15.0 stop_price=20.0
        place 1:4 buy stop_limit 0.1@15 stop_price=20 symbol=E2
        > accepted 1:4#12 buy stop_limit 0.1@15.0 stop_price=20.0 symbol=E2
        group 1 | place 1:5 buy limit 0.5@20 symbol=E2 | place 1:6 buy limit 0.5@20
        > accepted 1:5#13 buy limit 0.5@20.0 symbol=E2
        > trade 1:5#13 buy 0.5@20.0 leaves=0.0 maker=2#10:0.5 symbol=E2
        > accepted 1:6#15 buy limit 0.5@20.0
        > trade 1:6#15 buy 0.5@20.0 leaves=0.0 maker=2#9:0.5
        > triggered 1:3#11
        > triggered 1:4#12 symbol=E2
        """,
    ),
]
