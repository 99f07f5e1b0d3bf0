"""Cases of conditions of entry: collar, minimum quantity, exact funds, client ids; and of mass cancel by side."""

from tests.reference.script import case

CASES = [
    case(
        "a jump of client ids by 64 leaves the highest before it at the end of the window: seen, those between are new",
        "",
        """
        place 1:10 buy limit 0.1@10
        > accepted 1:10#8 buy limit 0.1@10.0
        place 1:74 buy limit 0.1@10
        > accepted 1:74#9 buy limit 0.1@10.0
        place 1:10 buy limit 0.1@10
        > rejected 1:10#8 duplicate_client_id
        place 1:9 buy limit 0.1@10
        > rejected 1:9 duplicate_client_id
        place 1:11 buy limit 0.1@10
        > accepted 1:11#12 buy limit 0.1@10.0
        place 1:11 buy limit 0.1@10
        > rejected 1:11#12 duplicate_client_id
        place 1:140 buy limit 0.1@10
        > accepted 1:140#14 buy limit 0.1@10.0
        place 1:76 buy limit 0.1@10
        > accepted 1:76#15 buy limit 0.1@10.0
        place 1:75 buy limit 0.1@10
        > rejected 1:75 duplicate_client_id
        """,
        {"1 USD": "995.00 5.00"},
    ),
    case(
        "all that is available may be withdrawn, and not a unit more",
        "",
        """
        withdraw 1:3 asset=USD amount=1000.01
        > rejected 1:3 insufficient_funds symbol=-
        withdraw 1:4 asset=USD amount=1000
        > withdrawn 1:4 asset=USD amount=1000.00 symbol=-
        withdraw 1:5 asset=USD amount=0.01
        > rejected 1:5 insufficient_funds symbol=-
        """,
        {"1 USD": "0.00 0.00"},
    ),
    case(
        "a budget buys the lots that it pays exactly, and of each price those that its rest pays",
        "",
        """
        place 2:3 sell limit 0.2@20
        > accepted 2:3#8 sell limit 0.2@20.0
        place 2:4 sell limit 0.3@21
        > accepted 2:4#9 sell limit 0.3@21.0
        place 1:3 buy market quote_budget=6.1
        > accepted 1:3#10 buy market 0.3
        > trade 1:3#10 buy 0.2@20.0 leaves=0.1 maker=2#8:0.0
        > trade 1:3#10 buy 0.1@21.0 leaves=0.0 maker=2#9:0.2
        place 1:4 buy market quote_budget=4.19
        > accepted 1:4#13 buy market 0.1
        > trade 1:4#13 buy 0.1@21.0 leaves=0.0 maker=2#9:0.1
        place 1:5 buy market quote_budget=2.09
        > accepted 1:5#15 buy market 0.0
        > cancelled 1:5#15 market_remainder 0.0
        """,
        {"1 USD": "991.80 0.00"},
    ),
    case(
        "a market buy takes no price above best x (1 + collar), rounded down, and ends as market_remainder",
        "collar",
        """
        place 2:3 sell limit 0.5@20.1
        > accepted 2:3#8 sell limit 0.5@20.1
        place 2:4 sell limit 0.5@21.1
        > accepted 2:4#9 sell limit 0.5@21.1
        place 2:5 sell limit 0.5@21.2
        > accepted 2:5#10 sell limit 0.5@21.2
        place 1:3 buy market 2
        > accepted 1:3#11 buy market 2.0
        > trade 1:3#11 buy 0.5@20.1 leaves=1.5 maker=2#8:0.0
        > trade 1:3#11 buy 0.5@21.1 leaves=1.0 maker=2#9:0.0
        > cancelled 1:3#11 market_remainder 1.0
        place 1:4 buy market 0.1
        > accepted 1:4#15 buy market 0.1
        > trade 1:4#15 buy 0.1@21.2 leaves=0.0 maker=2#10:0.4
        """,
        {"1 USD": "977.28 0.00"},
        market_collar_ppm=50000,
    ),
    case(
        "a market sell takes no price below best x (1 - collar), rounded up",
        "collar",
        """
        place 2:3 buy limit 0.5@20.1
        > accepted 2:3#8 buy limit 0.5@20.1
        place 2:4 buy limit 0.5@19.1
        > accepted 2:4#9 buy limit 0.5@19.1
        place 2:5 buy limit 0.5@19
        > accepted 2:5#10 buy limit 0.5@19.0
        place 1:3 sell market 2
        > accepted 1:3#11 sell market 2.0
        > trade 1:3#11 sell 0.5@20.1 leaves=1.5 maker=2#8:0.0
        > trade 1:3#11 sell 0.5@19.1 leaves=1.0 maker=2#9:0.0
        > cancelled 1:3#11 market_remainder 1.0
        """,
        {"1 ETH": "9.000 0.000"},
        market_collar_ppm=50000,
    ),
    case(
        "what is beyond the collar is not there: for fok, min_qty, funds and a budget; a limit order does not mind",
        "collar min_qty",
        """
        place 2:3 sell limit 0.5@20
        > accepted 2:3#8 sell limit 0.5@20.0
        place 2:4 sell limit 5@50
        > accepted 2:4#9 sell limit 5.0@50.0
        withdraw 1:3 asset=USD amount=900
        > withdrawn 1:3 asset=USD amount=900.00 symbol=-
        place 1:4 buy market 1 tif=fok
        > rejected 1:4 fok_unfilled
        place 1:5 buy market 1 min_qty=0.6
        > rejected 1:5 min_qty_unfilled
        place 1:6 buy market quote_budget=90
        > accepted 1:6#13 buy market 0.5
        > trade 1:6#13 buy 0.5@20.0 leaves=0.0 maker=2#8:0.0
        place 2:5 sell limit 0.5@20
        > accepted 2:5#15 sell limit 0.5@20.0
        place 1:7 buy market 5
        > accepted 1:7#16 buy market 5.0
        > trade 1:7#16 buy 0.5@20.0 leaves=4.5 maker=2#15:0.0
        > cancelled 1:7#16 market_remainder 4.5
        place 1:8 buy limit 0.1@50
        > accepted 1:8#19 buy limit 0.1@50.0
        > trade 1:8#19 buy 0.1@50.0 leaves=0.0 maker=2#9:4.9
        """,
        {"1 USD": "75.00 0.00"},
        market_collar_ppm=50000,
    ),
    case(
        "a collar of all or more lets a sell go down to every price",
        "collar",
        """
        place 2:3 buy limit 0.5@20
        > accepted 2:3#8 buy limit 0.5@20.0
        place 2:4 buy limit 0.5@1
        > accepted 2:4#9 buy limit 0.5@1.0
        place 1:3 sell market 1
        > accepted 1:3#10 sell market 1.0
        > trade 1:3#10 sell 0.5@20.0 leaves=0.5 maker=2#8:0.0
        > trade 1:3#10 sell 0.5@1.0 leaves=0.0 maker=2#9:0.0
        """,
        {"1 ETH": "9.000 0.000"},
        market_collar_ppm=4000000,
    ),
    case(
        "a triggered stop is held by the collar of the moment it enters, a triggered stop_limit is not",
        "collar stop",
        """
        place 2:3 sell limit 0.2@20
        > accepted 2:3#8 sell limit 0.2@20.0
        place 2:4 sell limit 0.1@21
        > accepted 2:4#9 sell limit 0.1@21.0
        place 2:5 sell limit 0.5@30
        > accepted 2:5#10 sell limit 0.5@30.0
        place 1:3 buy stop 1 stop_price=20
        > accepted 1:3#11 buy stop 1.0 stop_price=20.0
        place 1:4 buy stop_limit 0.1@40 stop_price=20
        > accepted 1:4#12 buy stop_limit 0.1@40.0 stop_price=20.0
        place 1:5 buy limit 0.1@20
        > accepted 1:5#13 buy limit 0.1@20.0
        > trade 1:5#13 buy 0.1@20.0 leaves=0.0 maker=2#8:0.1
        > triggered 1:3#11
        > trade 1:3#11 buy 0.1@20.0 leaves=0.9 maker=2#8:0.0
        > trade 1:3#11 buy 0.1@21.0 leaves=0.8 maker=2#9:0.0
        > cancelled 1:3#11 market_remainder 0.8
        > triggered 1:4#12
        > trade 1:4#12 buy 0.1@30.0 leaves=0.0 maker=2#10:0.4
        """,
        {"1 USD": "990.90 0.00", "1 ETH": "10.400 0.000"},
        market_collar_ppm=50000,
    ),
    case(
        "min_qty is a condition of entry, counted as fok counts",
        "min_qty",
        """
        place 2:3 sell limit 0.5@20
        > accepted 2:3#8 sell limit 0.5@20.0
        place 1:3 sell limit 0.5@20
        > accepted 1:3#9 sell limit 0.5@20.0
        place 1:4 buy limit 1@20 min_qty=0.6
        > rejected 1:4 min_qty_unfilled
        place 1:5 buy limit 1@20 min_qty=0.5 stp=cancel_maker
        > accepted 1:5#11 buy limit 1.0@20.0
        > trade 1:5#11 buy 0.5@20.0 leaves=0.5 maker=2#8:0.0
        > cancelled 1:3#9 self_trade 0.5 by=5
        place 1:6 buy limit 1@20 min_qty=0.1
        > rejected 1:6 min_qty_unfilled
        place 1:7 buy market 1 min_qty=0.1
        > rejected 1:7 min_qty_unfilled
        """,
        {"1 USD": "980.00 10.00"},
    ),
    case(
        "an ioc with min_qty takes what is there or nothing",
        "min_qty",
        """
        place 2:3 sell limit 0.5@20
        > accepted 2:3#8 sell limit 0.5@20.0
        place 1:3 buy limit 1@20 min_qty=0.6 tif=ioc
        > rejected 1:3 min_qty_unfilled
        place 1:4 buy limit 1@20 min_qty=0.5 tif=ioc
        > accepted 1:4#10 buy limit 1.0@20.0
        > trade 1:4#10 buy 0.5@20.0 leaves=0.5 maker=2#8:0.0
        > cancelled 1:4#10 ioc_remainder 0.5
        place 1:5 buy market 1 min_qty=0.1
        > rejected 1:5 min_qty_unfilled
        """,
        {"1 USD": "990.00 0.00"},
    ),
    case(
        "min_qty is whole lots, above 0, at most qty, and not with fok, post_only or a budget; else malformed",
        "min_qty",
        """
        place 1:3 buy limit 1@20 min_qty=0
        > rejected 1:3 malformed symbol=-
        place 1:4 buy limit 1@20 min_qty=0.05
        > rejected 1:4 malformed symbol=-
        place 1:5 buy limit 1@20 min_qty=1.1
        > rejected 1:5 malformed symbol=-
        place 1:6 buy limit 1@20 min_qty=0.5 tif=fok
        > rejected 1:6 malformed symbol=-
        place 1:7 buy limit 1@20 min_qty=0.5 post_only
        > rejected 1:7 malformed symbol=-
        place 1:8 buy market quote_budget=20 min_qty=0.5
        > rejected 1:8 malformed symbol=-
        place 1:9 buy limit 1@20 min_qty=x
        > rejected 1:9 malformed symbol=-
        place 1:10 buy market 1 min_qty=0.5 tif=fok
        > rejected 1:10 malformed symbol=-
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "mass_cancel of one side, of a symbol's side, waiting orders too, oldest first",
        "mass_side stop",
        """
        place 1:3 sell limit 1@30
        > accepted 1:3#8 sell limit 1.0@30.0
        place 1:4 buy stop 1 stop_price=30
        > accepted 1:4#9 buy stop 1.0 stop_price=30.0
        place 1:5 buy limit 1@20
        > accepted 1:5#10 buy limit 1.0@20.0
        place 1:6 sell stop 1 stop_price=20
        > accepted 1:6#11 sell stop 1.0 stop_price=20.0
        amend 1:7 of=4 stop_price=31
        > amended 1:4#9 1.0 stop_price=31.0 by=7
        mass_cancel 1:8 buy
        > cancelled 1:5#10 mass_cancel 1.0 by=8
        > cancelled 1:4#9 mass_cancel 1.0 by=8
        > mass_cancelled 1:8 2 symbol=-
        mass_cancel 1:9 sell symbol=ETH-USD
        > cancelled 1:3#8 mass_cancel 1.0 by=9
        > cancelled 1:6#11 mass_cancel 1.0 by=9
        > mass_cancelled 1:9 2
        mass_cancel 1:10 sell symbol=NO-NO
        > rejected 1:10 unknown_symbol symbol=-
        mass_cancel 1:11 side=both
        > rejected 1:11 malformed symbol=-
        """,
        {"1 USD": "1000.00 0.00", "1 ETH": "10.000 0.000"},
    ),
]
