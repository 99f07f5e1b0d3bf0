"""Cases of one cancels the other."""

from tests.reference.script import case

CASES = [
    case(
        "a pair freezes only the larger of what each would freeze",
        "stop oco",
        """
        place 1:3 buy limit 1@20
        > accepted 1:3#8 buy limit 1.0@20.0
        place 1:4 buy stop 1 stop_price=30 oco_client_id=3
        > accepted 1:4#9 buy stop 1.0 stop_price=30.0 oco_client_id=3
        place 2:3 buy limit 90@10
        > accepted 2:3#10 buy limit 90.0@10.0
        place 2:4 buy stop 34 stop_price=30 oco_client_id=3
        > rejected 2:4 insufficient_funds
        place 2:5 buy stop 33 stop_price=30 oco_client_id=3
        > accepted 2:5#12 buy stop 33.0 stop_price=30.0 oco_client_id=3
        """,
        {"1 USD": "970.00 30.00", "2 USD": "10.00 990.00"},
    ),
    case(
        "when the resting order is about to trade, the waiting one is cancelled first, even if only a part trades",
        "stop oco",
        """
        place 1:3 sell limit 1@25
        > accepted 1:3#8 sell limit 1.0@25.0
        place 1:4 sell stop_limit 2@15 stop_price=18 oco_client_id=3
        > accepted 1:4#9 sell stop_limit 2.0@15.0 stop_price=18.0 oco_client_id=3
        place 2:3 buy limit 0.4@25
        > accepted 2:3#10 buy limit 0.4@25.0
        > cancelled 1:4#9 oco 2.0
        > trade 2:3#10 buy 0.4@25.0 leaves=0.0 maker=1#8:0.6
        place 1:5 sell stop 1 stop_price=18 oco_client_id=3
        > accepted 1:5#13 sell stop 1.0 stop_price=18.0 oco_client_id=3
        """,
        {"1 ETH": "8.600 1.000"},
    ),
    case(
        "when the waiting order is about to trigger, the resting one is cancelled first",
        "stop oco",
        """
        place 1:3 sell limit 1@25
        > accepted 1:3#8 sell limit 1.0@25.0
        place 1:4 sell stop 1 stop_price=18 oco_client_id=3
        > accepted 1:4#9 sell stop 1.0 stop_price=18.0 oco_client_id=3
        place 2:3 sell limit 0.1@18
        > accepted 2:3#10 sell limit 0.1@18.0
        place 2:4 buy limit 0.1@18 stp=none
        > accepted 2:4#11 buy limit 0.1@18.0
        > trade 2:4#11 buy 0.1@18.0 leaves=0.0 maker=2#10:0.0
        > cancelled 1:3#8 oco 1.0
        > triggered 1:4#9
        > cancelled 1:4#9 market_remainder 1.0
        place 2:5 buy limit 0.1@25
        > accepted 2:5#16 buy limit 0.1@25.0
        """,
        {"1 USD": "1000.00 0.00", "1 ETH": "10.000 0.000"},
    ),
    case(
        "two waiting orders of a pair, hit by one print: the first cancels the other, which leaves the queue",
        "stop take_profit oco",
        """
        place 1:3 sell stop 1 stop_price=20
        > accepted 1:3#8 sell stop 1.0 stop_price=20.0
        place 1:4 sell take_profit 1 stop_price=20 oco_client_id=3
        > accepted 1:4#9 sell take_profit 1.0 stop_price=20.0 oco_client_id=3
        place 2:3 sell limit 0.1@20
        > accepted 2:3#10 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#11 buy limit 0.1@20.0
        > trade 2:4#11 buy 0.1@20.0 leaves=0.0 maker=2#10:0.0
        > cancelled 1:4#9 oco 1.0
        > triggered 1:3#8
        > cancelled 1:3#8 market_remainder 1.0
        """,
        {"1 ETH": "10.000 0.000"},
    ),
    case(
        "an order that triggers at once ends its partner within the command, which is its cause",
        "stop oco",
        """
        place 2:3 sell limit 0.1@20
        > accepted 2:3#8 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#9 buy limit 0.1@20.0
        > trade 2:4#9 buy 0.1@20.0 leaves=0.0 maker=2#8:0.0
        place 1:3 sell limit 1@25
        > accepted 1:3#11 sell limit 1.0@25.0
        place 1:4 sell stop_limit 1@22 stop_price=20 oco_client_id=3
        > accepted 1:4#12 sell stop_limit 1.0@22.0 stop_price=20.0 oco_client_id=3
        > cancelled 1:3#11 oco 1.0 by=4
        > triggered 1:4#12
        cancel 1:5 of=4
        > cancelled 1:4#12 user 1.0 by=5
        """,
        {"1 ETH": "10.000 0.000"},
    ),
    case(
        "when one ends for another reason the other is cancelled right after it: user, mass_cancel, risk, expired",
        "stop oco gtd",
        """
        place 1:3 sell limit 1@25
        > accepted 1:3#8 sell limit 1.0@25.0
        place 1:4 sell stop 1 stop_price=18 oco_client_id=3
        > accepted 1:4#9 sell stop 1.0 stop_price=18.0 oco_client_id=3
        cancel 1:5 of=4
        > cancelled 1:4#9 user 1.0 by=5
        > cancelled 1:3#8 oco 1.0 by=5
        place 1:6 sell limit 1@25 tif=gtd until=100
        > accepted 1:6#12 sell limit 1.0@25.0 until=100
        place 1:7 sell stop 1 stop_price=18 oco_client_id=6 tif=gtd until=100
        > accepted 1:7#13 sell stop 1.0 stop_price=18.0 oco_client_id=6 until=100
        place 1:8 sell stop 1 stop_price=17 tif=gtd until=100
        > accepted 1:8#14 sell stop 1.0 stop_price=17.0 until=100
        time at=100
        > cancelled 1:6#12 expired 1.0 at=100
        > cancelled 1:7#13 oco 1.0 at=100
        > cancelled 1:8#14 expired 1.0 at=100
        > time at=100
        place 1:9 sell limit 1@25
        > accepted 1:9#19 sell limit 1.0@25.0 at=100
        place 1:10 sell limit 1@25
        > accepted 1:10#20 sell limit 1.0@25.0 at=100
        place 1:11 sell stop 1 stop_price=18 oco_client_id=9
        > accepted 1:11#21 sell stop 1.0 stop_price=18.0 oco_client_id=9 at=100
        mass_cancel 1:12
        > cancelled 1:9#19 mass_cancel 1.0 by=12 at=100
        > cancelled 1:11#21 oco 1.0 by=12 at=100
        > cancelled 1:10#20 mass_cancel 1.0 by=12 at=100
        > mass_cancelled 1:12 3 at=100 symbol=-
        place 1:13 buy stop 1 stop_price=25
        > accepted 1:13#26 buy stop 1.0 stop_price=25.0 at=100
        place 1:14 buy limit 1@18
        > accepted 1:14#27 buy limit 1.0@18.0 at=100
        place 1:15 buy stop 1 stop_price=26 oco_client_id=14
        > accepted 1:15#28 buy stop 1.0 stop_price=26.0 oco_client_id=14 at=100
        suspend 1
        > suspended 1 at=100
        > cancelled 1:13#26 risk 1.0 at=100
        > cancelled 1:14#27 risk 1.0 at=100
        > cancelled 1:15#28 oco 1.0 at=100
        """,
        {"1 USD": "1000.00 0.00", "1 ETH": "10.000 0.000"},
    ),
    case(
        "a partner has to be open, of the same account, symbol and side, and single",
        "stop oco",
        """
        place 2:3 sell limit 1@25
        > accepted 2:3#8 sell limit 1.0@25.0
        place 1:3 sell limit 1@25
        > accepted 1:3#9 sell limit 1.0@25.0
        place 1:4 buy limit 1@10
        > accepted 1:4#10 buy limit 1.0@10.0
        place 1:5 sell stop 1 stop_price=18 oco_client_id=99
        > rejected 1:5 unknown_order
        place 1:6 sell stop 1 stop_price=18 oco_client_id=6
        > rejected 1:6 unknown_order
        place 1:7 sell stop 1 stop_price=18 oco_client_id=4
        > rejected 1:7 malformed
        place 1:8 sell stop 1 stop_price=18 oco_client_id=3
        > accepted 1:8#14 sell stop 1.0 stop_price=18.0 oco_client_id=3
        place 1:9 sell stop 1 stop_price=18 oco_client_id=3
        > rejected 1:9 malformed
        place 1:10 sell stop 1 stop_price=18 oco_client_id=8
        > rejected 1:10 malformed
        place 1:11 sell limit 1@25 oco_client_id=3
        > rejected 1:11 malformed symbol=-
        place 1:12 sell stop 1 stop_price=18 oco_client_id=-1
        > rejected 1:12 malformed symbol=-
        place 1:13 sell market 1 oco_client_id=3
        > rejected 1:13 malformed symbol=-
        """,
        {"1 ETH": "9.000 1.000"},
    ),
    case(
        "both may be amended, and the pair's frozen amount follows",
        "stop oco",
        """
        place 1:3 buy limit 1@20
        > accepted 1:3#8 buy limit 1.0@20.0
        place 1:4 buy stop_limit 1@31 stop_price=30 oco_client_id=3
        > accepted 1:4#9 buy stop_limit 1.0@31.0 stop_price=30.0 oco_client_id=3
        amend 1:5 of=3 qty=2
        > amended 1:3#8 2.0@20.0 by=5
        amend 1:6 of=4 qty=0.5
        > amended 1:4#9 0.5@31.0 stop_price=30.0 by=6
        amend 1:7 of=4 price=100 qty=10
        > amended 1:4#9 10.0@100.0 stop_price=30.0 by=7
        amend 1:8 of=4 qty=10.1
        > rejected 1:8#9 insufficient_funds
        amend 1:9 of=4 qty=2 price=20
        > amended 1:4#9 2.0@20.0 stop_price=30.0 by=9
        amend 1:10 of=3 qty=50.1
        > rejected 1:10#8 insufficient_funds
        """,
        {"1 USD": "960.00 40.00"},
    ),
    case(
        "an amend that crosses cancels the waiting partner before its first trade",
        "stop oco",
        """
        place 2:3 buy limit 0.5@20
        > accepted 2:3#8 buy limit 0.5@20.0
        place 1:3 sell limit 1@25
        > accepted 1:3#9 sell limit 1.0@25.0
        place 1:4 sell stop 1 stop_price=15 oco_client_id=3
        > accepted 1:4#10 sell stop 1.0 stop_price=15.0 oco_client_id=3
        amend 1:5 of=3 price=20
        > amended 1:3#9 1.0@20.0 by=5
        > cancelled 1:4#10 oco 1.0 by=5
        > trade 1:3#9 sell 0.5@20.0 leaves=0.5 maker=2#8:0.0 by=5
        """,
        {"1 ETH": "9.000 0.500"},
    ),
    case(
        "decrement that only makes an order smaller leaves its pair; an order that it ends takes its partner along",
        "stop oco",
        """
        place 1:3 sell limit 1@20
        > accepted 1:3#8 sell limit 1.0@20.0
        place 1:4 sell stop 1 stop_price=15 oco_client_id=3
        > accepted 1:4#9 sell stop 1.0 stop_price=15.0 oco_client_id=3
        place 1:5 buy limit 0.4@20 stp=decrement
        > accepted 1:5#10 buy limit 0.4@20.0
        > amended 1:3#8 0.6@20.0 self_trade by=5
        > cancelled 1:5#10 self_trade 0.4
        place 1:6 buy limit 0.1@20 stp=cancel_taker
        > accepted 1:6#13 buy limit 0.1@20.0
        > cancelled 1:6#13 self_trade 0.1
        place 1:7 buy limit 0.5@20 stp=cancel_both
        > accepted 1:7#15 buy limit 0.5@20.0
        > cancelled 1:3#8 self_trade 0.6 by=7
        > cancelled 1:4#9 oco 1.0 by=7
        > cancelled 1:7#15 self_trade 0.5
        """,
        {"1 USD": "1000.00 0.00", "1 ETH": "10.000 0.000"},
    ),
    case(
        "of a pair where each side trades, the maker's partner ends before the taker's",
        "stop oco",
        """
        place 2:3 buy limit 0.5@20
        > accepted 2:3#8 buy limit 0.5@20.0
        place 2:4 buy stop 0.5 stop_price=40 oco_client_id=3
        > accepted 2:4#9 buy stop 0.5 stop_price=40.0 oco_client_id=3
        place 1:3 sell limit 1@25
        > accepted 1:3#10 sell limit 1.0@25.0
        place 1:4 sell stop 1 stop_price=15 oco_client_id=3
        > accepted 1:4#11 sell stop 1.0 stop_price=15.0 oco_client_id=3
        amend 1:5 of=3 price=20
        > amended 1:3#10 1.0@20.0 by=5
        > cancelled 2:4#9 oco 0.5
        > cancelled 1:4#11 oco 1.0 by=5
        > trade 1:3#10 sell 0.5@20.0 leaves=0.5 maker=2#8:0.0 by=5
        """,
        {"1 ETH": "9.000 0.500", "2 ETH": "10.500 0.000"},
    ),
    case(
        "a waiting order may be paired with a waiting one; a gtd partner that expires ends the other for good",
        "stop oco gtd",
        """
        place 1:3 buy stop_limit 1@20 stop_price=30
        > accepted 1:3#8 buy stop_limit 1.0@20.0 stop_price=30.0
        place 1:4 buy stop 1 stop_price=40 tif=gtd until=50 oco_client_id=3
        > accepted 1:4#9 buy stop 1.0 stop_price=40.0 oco_client_id=3 until=50
        place 1:5 buy stop 1 stop_price=25 at=50
        > cancelled 1:4#9 expired 1.0 at=50
        > cancelled 1:3#8 oco 1.0 at=50
        > accepted 1:5#12 buy stop 1.0 stop_price=25.0 at=50
        """,
        {"1 USD": "975.00 25.00"},
    ),
]
