"""Cases of waiting orders whatever their type: their amends, what they may not be, what ends them."""

from tests.reference.script import case

CASES = [
    case(
        "the same or less quantity, all else equal, keeps a waiting order's place; anything else goes behind",
        "stop",
        """
        place 1:3 sell stop_limit 1@50 stop_price=20
        > accepted 1:3#8 sell stop_limit 1.0@50.0 stop_price=20.0
        place 1:4 sell stop_limit 1@50 stop_price=20
        > accepted 1:4#9 sell stop_limit 1.0@50.0 stop_price=20.0
        place 1:5 sell stop_limit 1@50 stop_price=20
        > accepted 1:5#10 sell stop_limit 1.0@50.0 stop_price=20.0
        amend 1:6 of=3 qty=1 price=50 stop_price=20
        > amended 1:3#8 1.0@50.0 stop_price=20.0 by=6
        amend 1:7 of=4 qty=1.1
        > amended 1:4#9 1.1@50.0 stop_price=20.0 by=7
        amend 1:8 of=5 qty=0.5
        > amended 1:5#10 0.5@50.0 stop_price=20.0 by=8
        amend 1:9 of=3 price=51
        > amended 1:3#8 1.0@51.0 stop_price=20.0 by=9
        amend 1:10 of=3 stop_price=21
        > amended 1:3#8 1.0@51.0 stop_price=21.0 by=10
        place 2:3 buy limit 0.1@20
        > accepted 2:3#16 buy limit 0.1@20.0
        place 2:4 sell limit 0.1@20 stp=none
        > accepted 2:4#17 sell limit 0.1@20.0
        > trade 2:4#17 sell 0.1@20.0 leaves=0.0 maker=2#16:0.0
        > triggered 1:3#8
        > triggered 1:5#10
        > triggered 1:4#9
        mass_cancel 1:11
        > cancelled 1:5#10 mass_cancel 0.5 by=11
        > cancelled 1:4#9 mass_cancel 1.1 by=11
        > cancelled 1:3#8 mass_cancel 1.0 by=11
        > mass_cancelled 1:11 3 symbol=-
        """,
        {"1 ETH": "10.000 0.000"},
    ),
    case(
        "a waiting order's amend keeps tick, band, funds and range, and the words that belong to its type",
        "stop take_profit",
        """
        place 1:3 buy stop 1 stop_price=20
        > accepted 1:3#8 buy stop 1.0 stop_price=20.0
        place 1:4 sell take_profit_limit 1@30 stop_price=25
        > accepted 1:4#9 sell take_profit_limit 1.0@30.0 stop_price=25.0
        place 1:5 sell limit 1@40
        > accepted 1:5#10 sell limit 1.0@40.0
        amend 1:6 of=3 price=20
        > rejected 1:6#8 malformed
        amend 1:7 of=5 stop_price=20
        > rejected 1:7#10 malformed
        amend 1:8 of=3 stop_price=20.05
        > rejected 1:8#8 price_off_tick
        amend 1:9 of=3 stop_price=100.1
        > rejected 1:9#8 price_out_of_band
        amend 1:10 of=3 qty=50.1
        > rejected 1:10#8 insufficient_funds
        amend 1:11 of=3 qty=0.2
        > rejected 1:11#8 notional_too_small
        amend 1:12 of=3 qty=0.2 stop_price=25
        > amended 1:3#8 0.2 stop_price=25.0 by=12
        amend 1:13 of=4 price=31 qty=2 stop_price=26
        > amended 1:4#9 2.0@31.0 stop_price=26.0 by=13
        amend 1:14 of=4 qty=0.1 price=49
        > rejected 1:14#9 notional_too_small
        amend 1:15 of=4 qty=9.1
        > rejected 1:15#9 insufficient_funds
        """,
        {"1 USD": "995.00 5.00", "1 ETH": "7.000 3.000"},
        min_notional="5",
    ),
    case(
        "what a waiting order may not be is malformed",
        "stop take_profit iceberg gtd",
        """
        place 1:3 buy stop 1
        > rejected 1:3 malformed symbol=-
        place 1:4 buy stop 1@20 stop_price=20
        > rejected 1:4 malformed symbol=-
        place 1:5 buy stop_limit 1 stop_price=20
        > rejected 1:5 malformed symbol=-
        place 1:6 buy stop 1 stop_price=20 tif=ioc
        > rejected 1:6 malformed symbol=-
        place 1:7 buy stop 1 stop_price=20 tif=fok
        > rejected 1:7 malformed symbol=-
        place 1:8 buy stop_limit 1@20 stop_price=20 tif=fok
        > rejected 1:8 malformed symbol=-
        place 1:9 buy stop_limit 1@20 stop_price=20 post_only
        > rejected 1:9 malformed symbol=-
        place 1:10 buy take_profit 1 stop_price=20 tif=ioc
        > rejected 1:10 malformed symbol=-
        place 1:11 buy stop stop_price=20 quote_budget=20
        > rejected 1:11 malformed symbol=-
        place 1:12 buy limit 1@20 stop_price=20
        > rejected 1:12 malformed symbol=-
        place 1:13 buy stop 1 stop_price=20 display_qty=0.5
        > rejected 1:13 malformed symbol=-
        place 1:14 buy stop_limit 1@20 stop_price=20 tif=ioc display_qty=0.5
        > rejected 1:14 malformed symbol=-
        place 1:15 buy stop 1 stop_price=20 min_qty=0.5
        > rejected 1:15 malformed symbol=-
        place 1:16 buy stop 1 stop_price=20.05
        > rejected 1:16 price_off_tick
        place 1:17 buy stop_limit 1@20 stop_price=0.5
        > rejected 1:17 price_out_of_band
        place 1:18 buy stop 50.1 stop_price=20
        > rejected 1:18 insufficient_funds
        place 1:19 sell stop 10.1 stop_price=20
        > rejected 1:19 insufficient_funds
        place 1:20 buy stop 1 stop_price=20 until=5
        > rejected 1:20 malformed symbol=-
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "suspend ends waiting orders, halt keeps them and refuses their amends, a bust does not move the last trade",
        "stop",
        """
        place 2:3 sell limit 0.1@20
        > accepted 2:3#8 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#9 buy limit 0.1@20.0
        > trade 2:4#9 buy 0.1@20.0 leaves=0.0 maker=2#8:0.0
        bust trade_seq=10
        > busted 2#9 trade_seq=10
        place 1:3 sell stop 1 stop_price=19
        > accepted 1:3#12 sell stop 1.0 stop_price=19.0
        halt
        > halted
        amend 1:4 of=3 stop_price=20
        > rejected 1:4#12 symbol_halted
        place 1:5 sell stop 1 stop_price=19
        > rejected 1:5 symbol_halted
        resume
        > resumed
        amend 1:6 of=3 stop_price=20
        > amended 1:3#12 1.0 stop_price=20.0 by=6
        > triggered 1:3#12 by=6
        > cancelled 1:3#12 market_remainder 1.0 by=6
        place 1:7 buy stop 1 stop_price=21
        > accepted 1:7#20 buy stop 1.0 stop_price=21.0
        suspend 1
        > suspended 1
        > cancelled 1:7#20 risk 1.0
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "triggered orders name no request, the own order that they end does not either",
        "stop",
        """
        place 1:3 sell limit 1@21
        > accepted 1:3#8 sell limit 1.0@21.0
        place 1:4 buy stop_limit 1@21 stop_price=20 stp=cancel_both
        > accepted 1:4#9 buy stop_limit 1.0@21.0 stop_price=20.0
        place 2:3 sell limit 0.1@20
        > accepted 2:3#10 sell limit 0.1@20.0
        place 1:5 buy limit 0.1@20
        > accepted 1:5#11 buy limit 0.1@20.0
        > trade 1:5#11 buy 0.1@20.0 leaves=0.0 maker=2#10:0.0
        > triggered 1:4#9
        > cancelled 1:3#8 self_trade 1.0
        > cancelled 1:4#9 self_trade 1.0
        """,
        {"1 ETH": "10.100 0.000"},
    ),
]
