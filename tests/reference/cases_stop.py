"""Cases of stop, stop_limit, take_profit and take_profit_limit."""

from tests.reference.script import case

# Account 1 sells and buys 0.1 each against account 2, so that a trade prints at 20: order ids 8 and 9, trade 10.
PRINT_20 = """
    place 1:10 sell limit 0.1@20
    > accepted 1:10#8 sell limit 0.1@20.0
    place 2:10 buy market 0.1
    > accepted 2:10#9 buy market 0.1
    > trade 2:10#9 buy 0.1@20.0 leaves=0.0 maker=1#8:0.0
"""

CASES = [
    case(
        "a stop waits before the first trade, freezes stop_price x qty, and may be cancelled",
        "stop",
        """
        place 1:3 buy stop 1 stop_price=30
        > accepted 1:3#8 buy stop 1.0 stop_price=30.0
        cancel 1:4 of=3
        > cancelled 1:3#8 user 1.0 by=4
        place 1:5 buy stop 1 stop_price=30
        > accepted 1:5#10 buy stop 1.0 stop_price=30.0
        """,
        {"1 USD": "970.00 30.00"},
    ),
    case(
        "a print hits buys from the lowest stop_price up, then sells from the highest down, equal ones oldest first",
        "stop",
        """
        place 1:3 sell stop 0.1 stop_price=21
        > accepted 1:3#8 sell stop 0.1 stop_price=21.0
        place 1:4 buy stop 0.1 stop_price=20
        > accepted 1:4#9 buy stop 0.1 stop_price=20.0
        place 1:5 sell stop 0.1 stop_price=22
        > accepted 1:5#10 sell stop 0.1 stop_price=22.0
        place 1:6 buy stop 0.1 stop_price=19
        > accepted 1:6#11 buy stop 0.1 stop_price=19.0
        place 1:7 buy stop 0.1 stop_price=20
        > accepted 1:7#12 buy stop 0.1 stop_price=20.0
        place 2:3 sell limit 0.1@20
        > accepted 2:3#13 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#14 buy limit 0.1@20.0
        > trade 2:4#14 buy 0.1@20.0 leaves=0.0 maker=2#13:0.0
        > triggered 1:6#11
        > cancelled 1:6#11 market_remainder 0.1
        > triggered 1:4#9
        > cancelled 1:4#9 market_remainder 0.1
        > triggered 1:7#12
        > cancelled 1:7#12 market_remainder 0.1
        > triggered 1:5#10
        > cancelled 1:5#10 market_remainder 0.1
        > triggered 1:3#8
        > cancelled 1:3#8 market_remainder 0.1
        """,
        {"1 USD": "1000.00 0.00", "1 ETH": "10.000 0.000"},
    ),
    case(
        "a print hits stops before take-profits: those buys from the highest down, sells from the lowest up",
        "stop take_profit",
        """
        place 1:3 sell take_profit 0.1 stop_price=19
        > accepted 1:3#8 sell take_profit 0.1 stop_price=19.0
        place 1:4 sell take_profit_limit 0.1@50 stop_price=18
        > accepted 1:4#9 sell take_profit_limit 0.1@50.0 stop_price=18.0
        place 1:5 buy take_profit_limit 0.1@2 stop_price=21
        > accepted 1:5#10 buy take_profit_limit 0.1@2.0 stop_price=21.0
        place 1:6 buy take_profit 0.1 stop_price=22
        > accepted 1:6#11 buy take_profit 0.1 stop_price=22.0
        place 1:7 sell stop_limit 0.1@51 stop_price=20
        > accepted 1:7#12 sell stop_limit 0.1@51.0 stop_price=20.0
        place 1:8 sell take_profit 0.1 stop_price=20.1
        > accepted 1:8#13 sell take_profit 0.1 stop_price=20.1
        place 2:3 sell limit 0.1@20
        > accepted 2:3#14 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#15 buy limit 0.1@20.0
        > trade 2:4#15 buy 0.1@20.0 leaves=0.0 maker=2#14:0.0
        > triggered 1:7#12
        > triggered 1:6#11
        > cancelled 1:6#11 self_trade 0.1
        > triggered 1:5#10
        > triggered 1:4#9
        > triggered 1:3#8
        > cancelled 1:3#8 self_trade 0.1
        """,
        {"1 USD": "999.80 0.20", "1 ETH": "9.700 0.300"},
    ),
    case(
        "a stop_price that the last trade has reached triggers at once, within the command",
        "stop take_profit",
        PRINT_20
        + """
        place 1:11 buy stop 0.1 stop_price=20
        > accepted 1:11#11 buy stop 0.1 stop_price=20.0
        > triggered 1:11#11
        > cancelled 1:11#11 market_remainder 0.1
        place 1:12 sell stop_limit 0.1@25 stop_price=20.5
        > accepted 1:12#14 sell stop_limit 0.1@25.0 stop_price=20.5
        > triggered 1:12#14
        place 1:13 buy take_profit 0.1 stop_price=19.9
        > accepted 1:13#16 buy take_profit 0.1 stop_price=19.9
        place 1:14 buy take_profit 0.1 stop_price=20
        > accepted 1:14#17 buy take_profit 0.1 stop_price=20.0
        > triggered 1:14#17
        > cancelled 1:14#17 self_trade 0.1
        """,
        {"1 USD": "1000.01 1.99", "1 ETH": "9.800 0.100"},
    ),
    case(
        "an amend to a reached stop_price triggers at once and names its request; a trade's tail does not",
        "stop",
        PRINT_20
        + """
        place 2:11 sell limit 0.1@21
        > accepted 2:11#11 sell limit 0.1@21.0
        place 2:12 sell limit 0.1@22
        > accepted 2:12#12 sell limit 0.1@22.0
        place 1:11 buy stop 0.1 stop_price=21.5
        > accepted 1:11#13 buy stop 0.1 stop_price=21.5
        place 1:12 buy stop 0.1 stop_price=21
        > accepted 1:12#14 buy stop 0.1 stop_price=21.0
        amend 1:13 of=11 stop_price=20
        > amended 1:11#13 0.1 stop_price=20.0 by=13
        > triggered 1:11#13 by=13
        > trade 1:11#13 buy 0.1@21.0 leaves=0.0 maker=2#11:0.0 by=13
        > triggered 1:12#14
        > trade 1:12#14 buy 0.1@22.0 leaves=0.0 maker=2#12:0.0
        """,
        {"1 USD": "997.70 0.00", "1 ETH": "10.100 0.000"},
    ),
    case(
        "what triggered orders print queues behind what is hit already",
        "stop",
        """
        place 2:3 sell limit 0.1@20
        > accepted 2:3#8 sell limit 0.1@20.0
        place 2:4 sell limit 0.1@21
        > accepted 2:4#9 sell limit 0.1@21.0
        place 2:5 sell limit 0.1@22
        > accepted 2:5#10 sell limit 0.1@22.0
        place 2:6 sell limit 0.3@23
        > accepted 2:6#11 sell limit 0.3@23.0
        place 1:3 buy stop 0.1 stop_price=21
        > accepted 1:3#12 buy stop 0.1 stop_price=21.0
        place 1:4 buy stop 0.1 stop_price=20
        > accepted 1:4#13 buy stop 0.1 stop_price=20.0
        place 1:5 buy stop 0.1 stop_price=20
        > accepted 1:5#14 buy stop 0.1 stop_price=20.0
        place 1:6 buy limit 0.1@20
        > accepted 1:6#15 buy limit 0.1@20.0
        > trade 1:6#15 buy 0.1@20.0 leaves=0.0 maker=2#8:0.0
        > triggered 1:4#13
        > trade 1:4#13 buy 0.1@21.0 leaves=0.0 maker=2#9:0.0
        > triggered 1:5#14
        > trade 1:5#14 buy 0.1@22.0 leaves=0.0 maker=2#10:0.0
        > triggered 1:3#12
        > trade 1:3#12 buy 0.1@23.0 leaves=0.0 maker=2#11:0.2
        """,
        {"1 USD": "991.40 0.00", "1 ETH": "10.400 0.000"},
    ),
    case(
        "every print of a walk counts, in the order of the prints",
        "stop",
        """
        place 2:3 sell limit 0.1@20
        > accepted 2:3#8 sell limit 0.1@20.0
        place 2:4 sell limit 0.1@22
        > accepted 2:4#9 sell limit 0.1@22.0
        place 1:3 buy stop_limit 0.1@2 stop_price=21
        > accepted 1:3#10 buy stop_limit 0.1@2.0 stop_price=21.0
        place 1:4 sell stop_limit 0.1@60 stop_price=20.5
        > accepted 1:4#11 sell stop_limit 0.1@60.0 stop_price=20.5
        place 1:5 buy stop_limit 0.1@3 stop_price=19
        > accepted 1:5#12 buy stop_limit 0.1@3.0 stop_price=19.0
        place 1:6 buy limit 0.2@22
        > accepted 1:6#13 buy limit 0.2@22.0
        > trade 1:6#13 buy 0.1@20.0 leaves=0.1 maker=2#8:0.0
        > trade 1:6#13 buy 0.1@22.0 leaves=0.0 maker=2#9:0.0
        > triggered 1:5#12
        > triggered 1:4#11
        > triggered 1:3#10
        """,
        {"1 USD": "995.30 0.50", "1 ETH": "10.100 0.100"},
    ),
    case(
        "a stop buy that triggers is a market buy: cancelled whole by risk where funds don't cover its walk",
        "stop",
        """
        place 2:3 sell limit 1@20
        > accepted 2:3#8 sell limit 1.0@20.0
        place 2:4 sell limit 5@100
        > accepted 2:4#9 sell limit 5.0@100.0
        place 1:3 buy stop 6 stop_price=20
        > accepted 1:3#10 buy stop 6.0 stop_price=20.0
        withdraw 1:4 asset=USD amount=878
        > withdrawn 1:4 asset=USD amount=878.00 symbol=-
        place 1:5 buy limit 0.1@20
        > accepted 1:5#12 buy limit 0.1@20.0
        > trade 1:5#12 buy 0.1@20.0 leaves=0.0 maker=2#8:0.9
        > triggered 1:3#10
        > cancelled 1:3#10 risk 6.0
        place 1:6 buy stop 1.2 stop_price=20
        > accepted 1:6#16 buy stop 1.2 stop_price=20.0
        > triggered 1:6#16
        > trade 1:6#16 buy 0.9@20.0 leaves=0.3 maker=2#8:0.0
        > trade 1:6#16 buy 0.3@100.0 leaves=0.0 maker=2#9:4.7
        """,
        {"1 USD": "72.00 0.00", "2 USD": "1050.00 0.00"},
    ),
    case(
        "a stop buy's trades take from available, and what it leaves is a market order's remainder",
        "stop",
        """
        place 2:3 sell limit 1@20
        > accepted 2:3#8 sell limit 1.0@20.0
        place 2:4 sell limit 1@30
        > accepted 2:4#9 sell limit 1.0@30.0
        place 1:3 buy stop 2 stop_price=20
        > accepted 1:3#10 buy stop 2.0 stop_price=20.0
        place 1:4 buy limit 0.5@20
        > accepted 1:4#11 buy limit 0.5@20.0
        > trade 1:4#11 buy 0.5@20.0 leaves=0.0 maker=2#8:0.5
        > triggered 1:3#10
        > trade 1:3#10 buy 0.5@20.0 leaves=1.5 maker=2#8:0.0
        > trade 1:3#10 buy 1.0@30.0 leaves=0.5 maker=2#9:0.0
        > cancelled 1:3#10 market_remainder 0.5
        """,
        {"1 USD": "950.00 0.00", "1 ETH": "12.000 0.000"},
    ),
    case(
        "a stop sell keeps its quantity frozen until it trades",
        "stop",
        """
        place 2:3 buy limit 0.5@20
        > accepted 2:3#8 buy limit 0.5@20.0
        place 1:3 sell stop 10 stop_price=20
        > accepted 1:3#9 sell stop 10.0 stop_price=20.0
        place 1:4 sell limit 0.1@20
        > rejected 1:4 insufficient_funds
        place 2:4 sell limit 0.1@20 stp=none
        > accepted 2:4#11 sell limit 0.1@20.0
        > trade 2:4#11 sell 0.1@20.0 leaves=0.0 maker=2#8:0.4
        > triggered 1:3#9
        > trade 1:3#9 sell 0.4@20.0 leaves=9.6 maker=2#8:0.0
        > cancelled 1:3#9 market_remainder 9.6
        """,
        {"1 USD": "1008.00 0.00", "1 ETH": "9.600 0.000"},
    ),
    case(
        "a triggered stop_limit rests at its price with its stp, and its ioc ends what is left",
        "stop",
        """
        place 2:3 sell limit 0.2@20
        > accepted 2:3#8 sell limit 0.2@20.0
        place 1:3 buy stop_limit 1@19 stop_price=20 stp=decrement
        > accepted 1:3#9 buy stop_limit 1.0@19.0 stop_price=20.0
        place 1:4 buy stop_limit 1@20 stop_price=20 tif=ioc
        > accepted 1:4#10 buy stop_limit 1.0@20.0 stop_price=20.0
        place 1:5 buy limit 0.1@20
        > accepted 1:5#11 buy limit 0.1@20.0
        > trade 1:5#11 buy 0.1@20.0 leaves=0.0 maker=2#8:0.1
        > triggered 1:3#9
        > triggered 1:4#10
        > trade 1:4#10 buy 0.1@20.0 leaves=0.9 maker=2#8:0.0
        > cancelled 1:4#10 ioc_remainder 0.9
        place 1:6 sell limit 0.4@19
        > accepted 1:6#17 sell limit 0.4@19.0
        > cancelled 1:6#17 self_trade 0.4
        place 2:4 sell limit 0.4@19
        > accepted 2:4#19 sell limit 0.4@19.0
        > trade 2:4#19 sell 0.4@19.0 leaves=0.0 maker=1#9:0.6
        """,
        {"1 USD": "977.00 11.40", "2 ETH": "9.400 0.000"},
    ),
]
