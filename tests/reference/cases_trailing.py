"""Cases of trailing stops."""

from tests.reference.script import case

CASES = [
    case(
        "a trailing sell follows the highest print after the command, never down, and triggers like a stop",
        "trailing",
        """
        place 1:3 sell trailing_stop 1 stop_price=18 trail=2
        > accepted 1:3#8 sell trailing_stop 1.0 stop_price=18.0 trail=2.0
        place 2:3 sell limit 0.1@20
        > accepted 2:3#9 sell limit 0.1@20.0
        place 2:4 sell limit 0.1@21
        > accepted 2:4#10 sell limit 0.1@21.0
        place 2:5 buy limit 0.2@21 stp=none
        > accepted 2:5#11 buy limit 0.2@21.0
        > trade 2:5#11 buy 0.1@20.0 leaves=0.1 maker=2#9:0.0
        > trade 2:5#11 buy 0.1@21.0 leaves=0.0 maker=2#10:0.0
        > amended 1:3#8 1.0 trailed stop_price=19.0
        place 2:6 buy limit 0.3@19
        > accepted 2:6#15 buy limit 0.3@19.0
        place 2:7 sell limit 0.1@19 stp=none
        > accepted 2:7#16 sell limit 0.1@19.0
        > trade 2:7#16 sell 0.1@19.0 leaves=0.0 maker=2#15:0.2
        > triggered 1:3#8
        > trade 1:3#8 sell 0.2@19.0 leaves=0.8 maker=2#15:0.0
        > cancelled 1:3#8 market_remainder 0.8
        """,
        {"1 ETH": "9.800 0.000", "1 USD": "1003.80 0.00"},
    ),
    case(
        "a trailing buy follows the lowest print down, and frees what the lower stop_price needs less",
        "trailing",
        """
        place 1:3 buy trailing_stop 1 stop_price=30 trail=5
        > accepted 1:3#8 buy trailing_stop 1.0 stop_price=30.0 trail=5.0
        place 2:3 buy limit 0.1@20
        > accepted 2:3#9 buy limit 0.1@20.0
        place 2:4 sell limit 0.1@20 stp=none
        > accepted 2:4#10 sell limit 0.1@20.0
        > trade 2:4#10 sell 0.1@20.0 leaves=0.0 maker=2#9:0.0
        > amended 1:3#8 1.0 trailed stop_price=25.0
        place 2:5 buy limit 0.1@24
        > accepted 2:5#13 buy limit 0.1@24.0
        place 2:6 sell limit 0.1@24 stp=none
        > accepted 2:6#14 sell limit 0.1@24.0
        > trade 2:6#14 sell 0.1@24.0 leaves=0.0 maker=2#13:0.0
        place 2:7 buy limit 0.1@25
        > accepted 2:7#16 buy limit 0.1@25.0
        place 2:8 sell limit 0.1@25 stp=none
        > accepted 2:8#17 sell limit 0.1@25.0
        > trade 2:8#17 sell 0.1@25.0 leaves=0.0 maker=2#16:0.0
        > triggered 1:3#8
        > cancelled 1:3#8 market_remainder 1.0
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "the prints since are those of the command that has ended: an earlier high does not count",
        "trailing",
        """
        place 2:3 sell limit 0.1@25
        > accepted 2:3#8 sell limit 0.1@25.0
        place 2:4 buy limit 0.1@25 stp=none
        > accepted 2:4#9 buy limit 0.1@25.0
        > trade 2:4#9 buy 0.1@25.0 leaves=0.0 maker=2#8:0.0
        place 1:3 sell trailing_stop 1 stop_price=10 trail=2
        > accepted 1:3#11 sell trailing_stop 1.0 stop_price=10.0 trail=2.0
        place 2:5 sell limit 0.1@20
        > accepted 2:5#12 sell limit 0.1@20.0
        place 2:6 buy limit 0.1@20 stp=none
        > accepted 2:6#13 buy limit 0.1@20.0
        > trade 2:6#13 buy 0.1@20.0 leaves=0.0 maker=2#12:0.0
        > amended 1:3#11 1.0 trailed stop_price=18.0
        """,
        {"1 ETH": "9.000 1.000"},
    ),
    case(
        "what follows and is reached by the last of the prints is hit at once, behind what they hit",
        "trailing stop",
        """
        place 1:3 sell trailing_stop 1 stop_price=10 trail=2
        > accepted 1:3#8 sell trailing_stop 1.0 stop_price=10.0 trail=2.0
        place 1:4 sell stop 1 stop_price=20
        > accepted 1:4#9 sell stop 1.0 stop_price=20.0
        place 2:3 buy limit 0.1@24
        > accepted 2:3#10 buy limit 0.1@24.0
        place 2:4 buy limit 0.1@20
        > accepted 2:4#11 buy limit 0.1@20.0
        place 2:5 sell limit 0.2@20 stp=none
        > accepted 2:5#12 sell limit 0.2@20.0
        > trade 2:5#12 sell 0.1@24.0 leaves=0.1 maker=2#10:0.0
        > trade 2:5#12 sell 0.1@20.0 leaves=0.0 maker=2#11:0.0
        > amended 1:3#8 1.0 trailed stop_price=22.0
        > triggered 1:4#9
        > cancelled 1:4#9 market_remainder 1.0
        > triggered 1:3#8
        > cancelled 1:3#8 market_remainder 1.0
        """,
        {"1 ETH": "10.000 0.000"},
    ),
    case(
        "trailing stops follow oldest first, before triggered orders enter, and again after each of these",
        "trailing stop",
        """
        place 1:3 sell trailing_stop 0.1 stop_price=10 trail=1
        > accepted 1:3#8 sell trailing_stop 0.1 stop_price=10.0 trail=1.0
        place 1:4 sell trailing_stop 0.1 stop_price=10 trail=2
        > accepted 1:4#9 sell trailing_stop 0.1 stop_price=10.0 trail=2.0
        amend 1:5 of=3 qty=0.2
        > amended 1:3#8 0.2 stop_price=10.0 by=5
        place 2:3 sell limit 0.1@20
        > accepted 2:3#11 sell limit 0.1@20.0
        place 2:4 sell limit 0.1@22
        > accepted 2:4#12 sell limit 0.1@22.0
        place 1:6 buy stop 0.1 stop_price=20
        > accepted 1:6#13 buy stop 0.1 stop_price=20.0
        place 1:7 buy limit 0.1@20
        > accepted 1:7#14 buy limit 0.1@20.0
        > trade 1:7#14 buy 0.1@20.0 leaves=0.0 maker=2#11:0.0
        > amended 1:4#9 0.1 trailed stop_price=18.0
        > amended 1:3#8 0.2 trailed stop_price=19.0
        > triggered 1:6#13
        > trade 1:6#13 buy 0.1@22.0 leaves=0.0 maker=2#12:0.0
        > amended 1:4#9 0.1 trailed stop_price=20.0
        > amended 1:3#8 0.2 trailed stop_price=21.0
        """,
        {"1 ETH": "9.900 0.300"},
    ),
    case(
        "a stop_price on the far side of the band does not move it",
        "trailing",
        """
        place 1:3 sell trailing_stop 1 stop_price=2 trail=30
        > accepted 1:3#8 sell trailing_stop 1.0 stop_price=2.0 trail=30.0
        place 1:4 buy trailing_stop 1 stop_price=99 trail=95
        > accepted 1:4#9 buy trailing_stop 1.0 stop_price=99.0 trail=95.0
        place 2:3 sell limit 0.1@20
        > accepted 2:3#10 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#11 buy limit 0.1@20.0
        > trade 2:4#11 buy 0.1@20.0 leaves=0.0 maker=2#10:0.0
        """,
        {"1 ETH": "9.000 1.000", "1 USD": "901.00 99.00"},
    ),
    case(
        "a moved trailing stop goes behind those that wait at its new price, and counts as accepted then",
        "trailing stop",
        """
        place 1:3 sell trailing_stop 1 stop_price=10 trail=2
        > accepted 1:3#8 sell trailing_stop 1.0 stop_price=10.0 trail=2.0
        place 1:4 sell stop_limit 1@50 stop_price=18
        > accepted 1:4#9 sell stop_limit 1.0@50.0 stop_price=18.0
        place 2:3 sell limit 0.1@20
        > accepted 2:3#10 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#11 buy limit 0.1@20.0
        > trade 2:4#11 buy 0.1@20.0 leaves=0.0 maker=2#10:0.0
        > amended 1:3#8 1.0 trailed stop_price=18.0
        place 2:5 buy limit 0.1@18
        > accepted 2:5#14 buy limit 0.1@18.0
        place 2:6 sell limit 0.1@18 stp=none
        > accepted 2:6#15 sell limit 0.1@18.0
        > trade 2:6#15 sell 0.1@18.0 leaves=0.0 maker=2#14:0.0
        > triggered 1:4#9
        > triggered 1:3#8
        > cancelled 1:3#8 market_remainder 1.0
        """,
        {"1 ETH": "9.000 1.000"},
    ),
    case(
        "trail and stop_price are both required; trail is whole ticks above 0, on trailing_stop alone",
        "trailing stop",
        """
        place 1:3 sell trailing_stop 1 stop_price=18
        > rejected 1:3 malformed symbol=-
        place 1:4 sell trailing_stop 1 trail=2
        > rejected 1:4 malformed symbol=-
        place 1:5 sell trailing_stop 1 stop_price=18 trail=0
        > rejected 1:5 malformed symbol=-
        place 1:6 sell trailing_stop 1 stop_price=18 trail=0.05
        > rejected 1:6 malformed symbol=-
        place 1:7 sell trailing_stop 1 stop_price=18 trail=-1
        > rejected 1:7 malformed symbol=-
        place 1:8 sell stop 1 stop_price=18 trail=1
        > rejected 1:8 malformed symbol=-
        place 1:9 sell trailing_stop 1@20 stop_price=18 trail=1
        > rejected 1:9 malformed symbol=-
        place 1:10 sell trailing_stop 1 stop_price=18 trail=1 tif=ioc
        > rejected 1:10 malformed symbol=-
        place 1:11 sell trailing_stop 1 stop_price=18 trail=1 display_qty=0.1
        > rejected 1:11 malformed symbol=-
        place 1:12 sell trailing_stop 1 stop_price=18.05 trail=1
        > rejected 1:12 price_off_tick
        place 1:13 sell trailing_stop 1 stop_price=18 trail=500
        > accepted 1:13#18 sell trailing_stop 1.0 stop_price=18.0 trail=500.0
        """,
    ),
    case(
        "amend of a trailing stop: quantity and stop_price; its distance stays",
        "trailing",
        """
        place 1:3 sell trailing_stop 1 stop_price=18 trail=2
        > accepted 1:3#8 sell trailing_stop 1.0 stop_price=18.0 trail=2.0
        amend 1:4 of=3 price=20
        > rejected 1:4#8 malformed
        amend 1:5 of=3 stop_price=10 qty=0.5
        > amended 1:3#8 0.5 stop_price=10.0 by=5
        place 2:3 sell limit 0.1@20
        > accepted 2:3#11 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#12 buy limit 0.1@20.0
        > trade 2:4#12 buy 0.1@20.0 leaves=0.0 maker=2#11:0.0
        > amended 1:3#8 0.5 trailed stop_price=18.0
        amend 1:6 of=3 stop_price=20
        > amended 1:3#8 0.5 stop_price=20.0 by=6
        > triggered 1:3#8 by=6
        > cancelled 1:3#8 market_remainder 0.5 by=6
        """,
        {"1 ETH": "10.000 0.000"},
    ),
    case(
        "a paired trailing stop that moves: the pair keeps what the other needs",
        "trailing oco",
        """
        place 1:3 buy limit 1@18
        > accepted 1:3#8 buy limit 1.0@18.0
        place 1:4 buy trailing_stop 1 stop_price=30 trail=1 oco_client_id=3
        > accepted 1:4#9 buy trailing_stop 1.0 stop_price=30.0 trail=1.0 oco_client_id=3
        place 2:3 sell limit 0.1@20
        > accepted 2:3#10 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#11 buy limit 0.1@20.0
        > trade 2:4#11 buy 0.1@20.0 leaves=0.0 maker=2#10:0.0
        > amended 1:4#9 1.0 trailed stop_price=21.0
        cancel 1:5 of=3
        > cancelled 1:3#8 user 1.0 by=5
        > cancelled 1:4#9 oco 1.0 by=5
        """,
        {"1 USD": "1000.00 0.00"},
    ),
]
