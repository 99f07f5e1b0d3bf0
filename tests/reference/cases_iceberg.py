"""Cases of icebergs."""

from tests.reference.script import case

CASES = [
    case(
        "an iceberg stands with a slice; the next joins the back of its price, a trade of its own, in the same command",
        "iceberg",
        """
        place 1:3 sell limit 0.5@20 display_qty=0.2
        > accepted 1:3#8 sell limit 0.5@20.0 display_qty=0.2
        place 1:4 sell limit 0.1@20
        > accepted 1:4#9 sell limit 0.1@20.0
        place 2:3 buy limit 0.1@20
        > accepted 2:3#10 buy limit 0.1@20.0
        > trade 2:3#10 buy 0.1@20.0 leaves=0.0 maker=1#8:0.4
        place 2:4 buy limit 0.4@20
        > accepted 2:4#12 buy limit 0.4@20.0
        > trade 2:4#12 buy 0.1@20.0 leaves=0.3 maker=1#8:0.3
        > trade 2:4#12 buy 0.1@20.0 leaves=0.2 maker=1#9:0.0
        > trade 2:4#12 buy 0.2@20.0 leaves=0.0 maker=1#8:0.1
        place 2:5 buy market 0.1
        > accepted 2:5#16 buy market 0.1
        > trade 2:5#16 buy 0.1@20.0 leaves=0.0 maker=1#8:0.0
        """,
        {"1 ETH": "9.400 0.000", "2 USD": "988.00 0.00"},
    ),
    case(
        "as a taker an iceberg trades in full, and what rests shows a slice",
        "iceberg",
        """
        place 2:3 sell limit 0.4@20
        > accepted 2:3#8 sell limit 0.4@20.0
        place 1:3 buy limit 1@20 display_qty=0.1
        > accepted 1:3#9 buy limit 1.0@20.0 display_qty=0.1
        > trade 1:3#9 buy 0.4@20.0 leaves=0.6 maker=2#8:0.0
        place 2:4 sell limit 0.3@20
        > accepted 2:4#11 sell limit 0.3@20.0
        > trade 2:4#11 sell 0.1@20.0 leaves=0.2 maker=1#9:0.5
        > trade 2:4#11 sell 0.1@20.0 leaves=0.1 maker=1#9:0.4
        > trade 2:4#11 sell 0.1@20.0 leaves=0.0 maker=1#9:0.3
        cancel 1:4 of=3
        > cancelled 1:3#9 user 0.3 by=4
        """,
        {"1 USD": "986.00 0.00"},
    ),
    case(
        "display_qty is whole lots, above 0, at most qty, on what rests; else malformed",
        "iceberg",
        """
        place 1:3 sell limit 1@20 display_qty=0
        > rejected 1:3 malformed symbol=-
        place 1:4 sell limit 1@20 display_qty=0.05
        > rejected 1:4 malformed symbol=-
        place 1:5 sell limit 1@20 display_qty=1.1
        > rejected 1:5 malformed symbol=-
        place 1:6 sell limit 1@20 display_qty=-1
        > rejected 1:6 malformed symbol=-
        place 1:7 sell limit 1@20 display_qty=abc
        > rejected 1:7 malformed symbol=-
        place 1:8 sell limit 1@20 tif=ioc display_qty=0.5
        > rejected 1:8 malformed symbol=-
        place 1:9 sell limit 1@20 tif=fok display_qty=0.5
        > rejected 1:9 malformed symbol=-
        place 1:10 sell market 1 display_qty=0.5
        > rejected 1:10 malformed symbol=-
        place 1:11 sell limit 1@20 post_only display_qty=1
        > accepted 1:11#16 sell limit 1.0@20.0 display_qty=1.0
        """,
    ),
    case(
        "an amend to less comes off the hidden part first and keeps its place",
        "iceberg",
        """
        place 1:3 sell limit 1@20 display_qty=0.3
        > accepted 1:3#8 sell limit 1.0@20.0 display_qty=0.3
        place 1:4 sell limit 0.1@20
        > accepted 1:4#9 sell limit 0.1@20.0
        place 2:3 buy limit 0.1@20
        > accepted 2:3#10 buy limit 0.1@20.0
        > trade 2:3#10 buy 0.1@20.0 leaves=0.0 maker=1#8:0.9
        amend 1:5 of=3 qty=0.3
        > amended 1:3#8 0.3@20.0 by=5
        place 2:4 buy limit 0.3@20
        > accepted 2:4#13 buy limit 0.3@20.0
        > trade 2:4#13 buy 0.2@20.0 leaves=0.1 maker=1#8:0.1
        > trade 2:4#13 buy 0.1@20.0 leaves=0.0 maker=1#9:0.0
        amend 1:6 of=3 qty=0.1 price=20
        > amended 1:3#8 0.1@20.0 by=6
        """,
        {"1 ETH": "9.500 0.100"},
    ),
    case(
        "an amend to less than the slice cuts the slice",
        "iceberg",
        """
        place 1:3 sell limit 1@20 display_qty=0.3
        > accepted 1:3#8 sell limit 1.0@20.0 display_qty=0.3
        place 1:4 sell limit 0.1@20
        > accepted 1:4#9 sell limit 0.1@20.0
        amend 1:5 of=3 qty=0.1
        > amended 1:3#8 0.1@20.0 by=5
        place 2:3 buy limit 0.2@20
        > accepted 2:3#11 buy limit 0.2@20.0
        > trade 2:3#11 buy 0.1@20.0 leaves=0.1 maker=1#8:0.0
        > trade 2:3#11 buy 0.1@20.0 leaves=0.0 maker=1#9:0.0
        """,
        {"1 ETH": "9.800 0.000"},
    ),
    case(
        "an amend to more, or to another price, goes back with a full slice",
        "iceberg",
        """
        place 1:3 sell limit 1@20 display_qty=0.3
        > accepted 1:3#8 sell limit 1.0@20.0 display_qty=0.3
        place 1:4 sell limit 0.1@20
        > accepted 1:4#9 sell limit 0.1@20.0
        place 2:3 buy limit 0.2@20
        > accepted 2:3#10 buy limit 0.2@20.0
        > trade 2:3#10 buy 0.2@20.0 leaves=0.0 maker=1#8:0.8
        amend 1:5 of=3 qty=0.9
        > amended 1:3#8 0.9@20.0 by=5
        place 2:4 buy limit 0.4@20
        > accepted 2:4#13 buy limit 0.4@20.0
        > trade 2:4#13 buy 0.1@20.0 leaves=0.3 maker=1#9:0.0
        > trade 2:4#13 buy 0.3@20.0 leaves=0.0 maker=1#8:0.6
        amend 1:6 of=3 price=21
        > amended 1:3#8 0.6@21.0 by=6
        place 2:5 buy limit 0.4@21
        > accepted 2:5#17 buy limit 0.4@21.0
        > trade 2:5#17 buy 0.3@21.0 leaves=0.1 maker=1#8:0.3
        > trade 2:5#17 buy 0.1@21.0 leaves=0.0 maker=1#8:0.2
        """,
        {"1 ETH": "8.800 0.200"},
    ),
    case(
        "an amend that crosses trades in full, as taker, and rests with a slice",
        "iceberg",
        """
        place 1:3 sell limit 1@21 display_qty=0.1
        > accepted 1:3#8 sell limit 1.0@21.0 display_qty=0.1
        place 2:3 buy limit 0.4@20
        > accepted 2:3#9 buy limit 0.4@20.0
        amend 1:4 of=3 price=20
        > amended 1:3#8 1.0@20.0 by=4
        > trade 1:3#8 sell 0.4@20.0 leaves=0.6 maker=2#9:0.0 by=4
        place 2:4 buy limit 0.2@20
        > accepted 2:4#12 buy limit 0.2@20.0
        > trade 2:4#12 buy 0.1@20.0 leaves=0.1 maker=1#8:0.5
        > trade 2:4#12 buy 0.1@20.0 leaves=0.0 maker=1#8:0.4
        """,
        {"1 USD": "1012.00 0.00"},
    ),
    case(
        "decrement takes the hidden part too, in one step; the maker's hidden part goes first",
        "iceberg",
        """
        place 1:3 sell limit 1@20 display_qty=0.2
        > accepted 1:3#8 sell limit 1.0@20.0 display_qty=0.2
        place 2:3 sell limit 0.1@20
        > accepted 2:3#9 sell limit 0.1@20.0
        place 1:4 buy limit 0.9@20 stp=decrement
        > accepted 1:4#10 buy limit 0.9@20.0
        > amended 1:3#8 0.1@20.0 self_trade by=4
        > cancelled 1:4#10 self_trade 0.9
        place 2:4 buy limit 0.2@20
        > accepted 2:4#13 buy limit 0.2@20.0
        > trade 2:4#13 buy 0.1@20.0 leaves=0.1 maker=1#8:0.0
        > cancelled 2:4#13 self_trade 0.1
        place 2:5 buy limit 0.1@20 stp=cancel_maker
        > accepted 2:5#16 buy limit 0.1@20.0
        > cancelled 2:3#9 self_trade 0.1 by=5
        """,
        {"1 ETH": "9.900 0.000", "1 USD": "1002.00 0.00"},
    ),
    case(
        "decrement against a smaller iceberg ends it with what it had",
        "iceberg",
        """
        place 1:3 sell limit 0.5@20 display_qty=0.2
        > accepted 1:3#8 sell limit 0.5@20.0 display_qty=0.2
        place 2:3 sell limit 0.1@20
        > accepted 2:3#9 sell limit 0.1@20.0
        place 1:4 buy limit 1@20 stp=decrement display_qty=0.3
        > accepted 1:4#10 buy limit 1.0@20.0 display_qty=0.3
        > cancelled 1:3#8 self_trade 0.5 by=4
        > amended 1:4#10 0.5@20.0 self_trade
        > trade 1:4#10 buy 0.1@20.0 leaves=0.4 maker=2#9:0.0
        place 2:4 sell limit 0.1@20
        > accepted 2:4#14 sell limit 0.1@20.0
        > trade 2:4#14 sell 0.1@20.0 leaves=0.0 maker=1#10:0.3
        """,
        {"1 ETH": "10.200 0.000", "1 USD": "990.00 6.00"},
    ),
    case(
        "cancel_maker takes the whole iceberg away, cancel_both both, cancel_taker the taker where its slice stands",
        "iceberg",
        """
        place 1:3 sell limit 0.5@20 display_qty=0.2
        > accepted 1:3#8 sell limit 0.5@20.0 display_qty=0.2
        place 1:4 buy limit 0.1@20 stp=cancel_maker tif=ioc
        > accepted 1:4#9 buy limit 0.1@20.0
        > cancelled 1:3#8 self_trade 0.5 by=4
        > cancelled 1:4#9 ioc_remainder 0.1
        place 1:5 sell limit 0.5@20 display_qty=0.2
        > accepted 1:5#12 sell limit 0.5@20.0 display_qty=0.2
        place 1:6 buy limit 0.1@20 stp=cancel_both
        > accepted 1:6#13 buy limit 0.1@20.0
        > cancelled 1:5#12 self_trade 0.5 by=6
        > cancelled 1:6#13 self_trade 0.1
        place 2:3 sell limit 0.5@20 display_qty=0.1
        > accepted 2:3#16 sell limit 0.5@20.0 display_qty=0.1
        place 1:7 sell limit 0.5@20 display_qty=0.2
        > accepted 1:7#17 sell limit 0.5@20.0 display_qty=0.2
        place 1:8 buy limit 0.4@20
        > accepted 1:8#18 buy limit 0.4@20.0
        > trade 1:8#18 buy 0.1@20.0 leaves=0.3 maker=2#16:0.4
        > cancelled 1:8#18 self_trade 0.3
        place 1:9 buy limit 0.4@20 stp=none
        > accepted 1:9#21 buy limit 0.4@20.0
        > trade 1:9#21 buy 0.2@20.0 leaves=0.2 maker=1#17:0.3
        > trade 1:9#21 buy 0.1@20.0 leaves=0.1 maker=2#16:0.3
        > trade 1:9#21 buy 0.1@20.0 leaves=0.0 maker=1#17:0.2
        """,
        {"1 ETH": "10.000 0.200", "1 USD": "996.00 0.00"},
    ),
    case(
        "fok counts what is hidden, but an own order that stops it stands before the hidden parts of its price",
        "iceberg",
        """
        place 2:3 sell limit 1@20 display_qty=0.1
        > accepted 2:3#8 sell limit 1.0@20.0 display_qty=0.1
        place 1:3 sell limit 0.1@20
        > accepted 1:3#9 sell limit 0.1@20.0
        place 1:4 buy limit 0.2@20 tif=fok
        > rejected 1:4 fok_unfilled
        place 1:5 buy limit 0.2@20 tif=fok stp=decrement
        > rejected 1:5 fok_unfilled
        place 1:6 buy limit 0.1@20 tif=fok
        > accepted 1:6#12 buy limit 0.1@20.0
        > trade 1:6#12 buy 0.1@20.0 leaves=0.0 maker=2#8:0.9
        place 1:7 buy limit 0.3@20 tif=fok stp=cancel_maker
        > accepted 1:7#14 buy limit 0.3@20.0
        > cancelled 1:3#9 self_trade 0.1 by=7
        > trade 1:7#14 buy 0.1@20.0 leaves=0.2 maker=2#8:0.8
        > trade 1:7#14 buy 0.1@20.0 leaves=0.1 maker=2#8:0.7
        > trade 1:7#14 buy 0.1@20.0 leaves=0.0 maker=2#8:0.6
        place 1:8 buy market 0.7 tif=fok
        > rejected 1:8 fok_unfilled
        """,
        {"1 ETH": "10.400 0.000"},
    ),
    case(
        "fok under none counts own hidden quantity, under cancel_maker none of it",
        "iceberg",
        """
        place 1:3 sell limit 1@20 display_qty=0.5
        > accepted 1:3#8 sell limit 1.0@20.0 display_qty=0.5
        place 2:3 sell limit 0.2@20
        > accepted 2:3#9 sell limit 0.2@20.0
        place 1:4 buy limit 0.3@20 tif=fok stp=cancel_both
        > rejected 1:4 fok_unfilled
        place 1:5 buy limit 0.3@20 tif=fok stp=cancel_maker
        > rejected 1:5 fok_unfilled
        place 1:6 buy limit 1.2@20 tif=fok stp=none
        > accepted 1:6#12 buy limit 1.2@20.0
        > trade 1:6#12 buy 0.5@20.0 leaves=0.7 maker=1#8:0.5
        > trade 1:6#12 buy 0.2@20.0 leaves=0.5 maker=2#9:0.0
        > trade 1:6#12 buy 0.5@20.0 leaves=0.0 maker=1#8:0.0
        """,
        {"1 ETH": "10.200 0.000"},
    ),
    case(
        "a market buy freezes what its walk pays, hidden parts after the slices of their price, before the next",
        "iceberg",
        """
        place 2:3 sell limit 1@20 display_qty=0.5
        > accepted 2:3#8 sell limit 1.0@20.0 display_qty=0.5
        place 2:4 sell limit 1@30
        > accepted 2:4#9 sell limit 1.0@30.0
        place 1:3 buy limit 97@10
        > accepted 1:3#10 buy limit 97.0@10.0
        place 1:4 buy market 1.4 stp=cancel_maker
        > rejected 1:4 insufficient_funds
        place 1:5 buy market 1.3
        > accepted 1:5#12 buy market 1.3
        > trade 1:5#12 buy 0.5@20.0 leaves=0.8 maker=2#8:0.5
        > trade 1:5#12 buy 0.5@20.0 leaves=0.3 maker=2#8:0.0
        > trade 1:5#12 buy 0.3@30.0 leaves=0.0 maker=2#9:0.7
        """,
        {"1 USD": "1.00 970.00", "2 USD": "1029.00 0.00"},
    ),
    case(
        "a market buy's walk under decrement loses what own icebergs hold, hidden too, at their slice's turn",
        "iceberg",
        """
        place 2:3 sell limit 0.5@20 display_qty=0.1
        > accepted 2:3#8 sell limit 0.5@20.0 display_qty=0.1
        place 1:3 sell limit 0.3@20 display_qty=0.1
        > accepted 1:3#9 sell limit 0.3@20.0 display_qty=0.1
        place 1:4 buy limit 99.4@10
        > accepted 1:4#10 buy limit 99.4@10.0
        place 1:5 buy market 0.6 stp=decrement
        > accepted 1:5#11 buy market 0.6
        > trade 1:5#11 buy 0.1@20.0 leaves=0.5 maker=2#8:0.4
        > cancelled 1:3#9 self_trade 0.3 by=5
        > amended 1:5#11 0.2 self_trade
        > trade 1:5#11 buy 0.1@20.0 leaves=0.1 maker=2#8:0.3
        > trade 1:5#11 buy 0.1@20.0 leaves=0.0 maker=2#8:0.2
        """,
        {"1 USD": "0.00 994.00", "1 ETH": "10.300 0.000"},
    ),
    case(
        "a budget walks hidden quantity too",
        "iceberg",
        """
        place 2:3 sell limit 1@20 display_qty=0.4
        > accepted 2:3#8 sell limit 1.0@20.0 display_qty=0.4
        place 2:4 sell limit 1@30
        > accepted 2:4#9 sell limit 1.0@30.0
        place 1:3 buy market quote_budget=25.9
        > accepted 1:3#10 buy market 1.1
        > trade 1:3#10 buy 0.4@20.0 leaves=0.7 maker=2#8:0.6
        > trade 1:3#10 buy 0.4@20.0 leaves=0.3 maker=2#8:0.2
        > trade 1:3#10 buy 0.2@20.0 leaves=0.1 maker=2#8:0.0
        > trade 1:3#10 buy 0.1@30.0 leaves=0.0 maker=2#9:0.9
        place 1:4 sell limit 0.1@30
        > accepted 1:4#15 sell limit 0.1@30.0
        place 1:5 buy market quote_budget=30
        > accepted 1:5#16 buy market 0.9
        > trade 1:5#16 buy 0.9@30.0 leaves=0.0 maker=2#9:0.0
        """,
        {"1 USD": "950.00 0.00"},
    ),
    case(
        "a budget ends before the hidden parts of a price where an own order stands",
        "iceberg",
        """
        place 2:3 sell limit 1@20 display_qty=0.1
        > accepted 2:3#8 sell limit 1.0@20.0 display_qty=0.1
        place 1:3 sell limit 0.1@20
        > accepted 1:3#9 sell limit 0.1@20.0
        place 1:4 buy market quote_budget=20
        > accepted 1:4#10 buy market 0.1
        > trade 1:4#10 buy 0.1@20.0 leaves=0.0 maker=2#8:0.9
        place 1:5 buy market quote_budget=6 stp=cancel_maker
        > accepted 1:5#12 buy market 0.3
        > cancelled 1:3#9 self_trade 0.1 by=5
        > trade 1:5#12 buy 0.1@20.0 leaves=0.2 maker=2#8:0.8
        > trade 1:5#12 buy 0.1@20.0 leaves=0.1 maker=2#8:0.7
        > trade 1:5#12 buy 0.1@20.0 leaves=0.0 maker=2#8:0.6
        """,
        {"1 USD": "992.00 0.00"},
    ),
    case(
        "slices change nothing in the order of acceptance",
        "iceberg",
        """
        place 1:3 sell limit 1@20 display_qty=0.1
        > accepted 1:3#8 sell limit 1.0@20.0 display_qty=0.1
        place 1:4 sell limit 0.1@20
        > accepted 1:4#9 sell limit 0.1@20.0
        place 2:3 buy limit 0.1@20
        > accepted 2:3#10 buy limit 0.1@20.0
        > trade 2:3#10 buy 0.1@20.0 leaves=0.0 maker=1#8:0.9
        mass_cancel 1:5
        > cancelled 1:3#8 mass_cancel 0.9 by=5
        > cancelled 1:4#9 mass_cancel 0.1 by=5
        > mass_cancelled 1:5 2 symbol=-
        """,
        {"1 ETH": "9.900 0.000"},
    ),
    case(
        "a stop_limit may be an iceberg once it has triggered: full as taker, then a slice",
        "iceberg stop",
        """
        place 2:3 buy limit 0.3@20
        > accepted 2:3#8 buy limit 0.3@20.0
        place 1:3 sell stop_limit 1@19.5 stop_price=20 display_qty=0.2
        > accepted 1:3#9 sell stop_limit 1.0@19.5 stop_price=20.0 display_qty=0.2
        place 2:4 sell limit 0.1@20 stp=none
        > accepted 2:4#10 sell limit 0.1@20.0
        > trade 2:4#10 sell 0.1@20.0 leaves=0.0 maker=2#8:0.2
        > triggered 1:3#9
        > trade 1:3#9 sell 0.2@20.0 leaves=0.8 maker=2#8:0.0
        place 2:5 buy limit 0.3@20
        > accepted 2:5#14 buy limit 0.3@20.0
        > trade 2:5#14 buy 0.2@19.5 leaves=0.1 maker=1#9:0.6
        > trade 2:5#14 buy 0.1@19.5 leaves=0.0 maker=1#9:0.5
        """,
        {"1 ETH": "9.000 0.500"},
    ),
]
