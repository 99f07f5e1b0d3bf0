"""Cases of replace: cancel and place, or neither."""

from tests.reference.script import case

CASES = [
    case(
        "replace ends the old order and places the new one at the back, with its own id",
        "replace",
        """
        place 1:3 sell limit 1@20
        > accepted 1:3#8 sell limit 1.0@20.0
        place 2:3 sell limit 1@20
        > accepted 2:3#9 sell limit 1.0@20.0
        replace 1:4 sell limit 1@20 of=3
        > cancelled 1:3#8 user 1.0 by=4
        > accepted 1:4#11 sell limit 1.0@20.0
        place 1:5 buy limit 0.1@20
        > accepted 1:5#12 buy limit 0.1@20.0
        > trade 1:5#12 buy 0.1@20.0 leaves=0.0 maker=2#9:0.9
        cancel 1:6 of=3
        > rejected 1:6 unknown_order symbol=-
        """,
        {"1 ETH": "9.100 1.000"},
    ),
    case(
        "what the old order frees counts as available, whatever side it had",
        "replace",
        """
        place 1:3 buy limit 100@10
        > accepted 1:3#8 buy limit 100.0@10.0
        replace 1:4 buy limit 50@20 of=3
        > cancelled 1:3#8 user 100.0 by=4
        > accepted 1:4#10 buy limit 50.0@20.0
        replace 1:5 buy limit 50.1@20 of=4
        > rejected 1:5 insufficient_funds
        replace 1:6 sell limit 10@20 of=4
        > cancelled 1:4#10 user 50.0 by=6
        > accepted 1:6#13 sell limit 10.0@20.0
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "refused like a place, and then the old order stays, with its place",
        "replace",
        """
        place 1:3 sell limit 1@20
        > accepted 1:3#8 sell limit 1.0@20.0
        place 2:3 sell limit 1@20
        > accepted 2:3#9 sell limit 1.0@20.0
        replace 1:4 sell limit 11@20 of=3
        > rejected 1:4 insufficient_funds
        replace 1:5 sell limit 1@20.05 of=3
        > rejected 1:5 price_off_tick
        replace 1:6 sell limit 1@20 of=3 tif=fok
        > rejected 1:6 fok_unfilled
        replace 1:7 sell limit 1@20 of=99
        > rejected 1:7 unknown_order
        replace 1:8 sell limit 1@20 id=9
        > rejected 1:8 unknown_order
        replace 1:9 sell limit 1@20
        > rejected 1:9 malformed symbol=-
        replace 1:10 sell limit 1@20 of=3 symbol=NO-NO
        > rejected 1:10 unknown_symbol symbol=-
        replace 1:11 sell limit 1@20 of=3 oco_client_id=3
        > rejected 1:11 malformed symbol=-
        place 2:4 buy limit 0.1@20 stp=cancel_maker
        > accepted 2:4#18 buy limit 0.1@20.0
        > trade 2:4#18 buy 0.1@20.0 leaves=0.0 maker=1#8:0.9
        replace 1:12 sell limit 1@20 of=3
        > cancelled 1:3#8 user 0.9 by=12
        > accepted 1:12#21 sell limit 1.0@20.0
        """,
        {"1 ETH": "8.900 1.000"},
    ),
    case(
        "would_cross, fok and a market buy's funds are judged without the old order",
        "replace",
        """
        place 1:3 sell limit 1@20
        > accepted 1:3#8 sell limit 1.0@20.0
        replace 1:4 buy limit 1@20 of=3 post_only
        > cancelled 1:3#8 user 1.0 by=4
        > accepted 1:4#10 buy limit 1.0@20.0
        place 1:5 sell limit 1@25
        > accepted 1:5#11 sell limit 1.0@25.0
        place 2:3 sell limit 1@25
        > accepted 2:3#12 sell limit 1.0@25.0
        replace 1:6 buy limit 1@25 of=5 tif=fok
        > cancelled 1:5#11 user 1.0 by=6
        > accepted 1:6#14 buy limit 1.0@25.0
        > trade 1:6#14 buy 1.0@25.0 leaves=0.0 maker=2#12:0.0
        place 1:7 sell limit 1@25
        > accepted 1:7#16 sell limit 1.0@25.0
        place 2:4 sell limit 1@25
        > accepted 2:4#17 sell limit 1.0@25.0
        replace 1:8 buy market 1 of=7 stp=cancel_both
        > cancelled 1:7#16 user 1.0 by=8
        > accepted 1:8#19 buy market 1.0
        > trade 1:8#19 buy 1.0@25.0 leaves=0.0 maker=2#17:0.0
        """,
        {"1 USD": "930.00 20.00", "1 ETH": "12.000 0.000"},
    ),
    case(
        "replaced by a waiting order that triggers at once, and a waiting order replaced by a market order",
        "replace stop",
        """
        place 2:3 sell limit 0.5@20
        > accepted 2:3#8 sell limit 0.5@20.0
        place 1:3 buy stop 1 stop_price=30
        > accepted 1:3#9 buy stop 1.0 stop_price=30.0
        replace 1:4 buy market 0.1 of=3
        > cancelled 1:3#9 user 1.0 by=4
        > accepted 1:4#11 buy market 0.1
        > trade 1:4#11 buy 0.1@20.0 leaves=0.0 maker=2#8:0.4
        place 1:5 sell limit 1@25
        > accepted 1:5#13 sell limit 1.0@25.0
        replace 1:6 sell stop_limit 1@24 stop_price=21 of=5
        > cancelled 1:5#13 user 1.0 by=6
        > accepted 1:6#15 sell stop_limit 1.0@24.0 stop_price=21.0
        > triggered 1:6#15
        amend 1:7 of=6 qty=0.5
        > amended 1:6#15 0.5@24.0 by=7
        """,
        {"1 USD": "998.00 0.00", "1 ETH": "9.600 0.500"},
    ),
    case(
        "the partner of a replaced order ends before the new one is accepted, and what the pair frees counts",
        "replace stop oco",
        """
        place 1:3 sell limit 10@25
        > accepted 1:3#8 sell limit 10.0@25.0
        place 1:4 sell stop 10 stop_price=15 oco_client_id=3
        > accepted 1:4#9 sell stop 10.0 stop_price=15.0 oco_client_id=3
        replace 1:5 sell limit 10@24 of=4
        > cancelled 1:4#9 user 10.0 by=5
        > cancelled 1:3#8 oco 10.0 by=5
        > accepted 1:5#12 sell limit 10.0@24.0
        """,
        {"1 ETH": "0.000 10.000"},
    ),
]
