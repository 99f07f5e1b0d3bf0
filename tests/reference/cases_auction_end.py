"""Cases of what meets the end of an auction: waiting orders, pairs, the band, amends, busts."""

from tests.reference.script import LIST_E2, case

CASES = [
    case(
        "amend in an auction: goes to the back, trades nothing, keeps its funds",
        "states auction stop",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@19
        > accepted 1:3#9 buy limit 1.0@19.0
        place 2:3 sell limit 1@20
        > accepted 2:3#10 sell limit 1.0@20.0
        place 2:4 sell limit 1@20
        > accepted 2:4#11 sell limit 1.0@20.0
        amend 1:4 of=3 price=20 qty=1.5
        > amended 1:3#9 1.5@20.0 by=4
        amend 2:5 of=3 qty=0.5
        > amended 2:3#10 0.5@20.0 by=5
        amend 2:6 of=4 qty=1.5
        > amended 2:4#11 1.5@20.0 by=6
        amend 1:7 of=3 qty=51
        > rejected 1:7#9 insufficient_funds
        cancel 1:8 of=3
        > cancelled 1:3#9 user 1.5 by=8
        state state=open
        > state state=open
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "post_only orders that stood before may be cancelled, not amended",
        "states auction",
        """
        place 1:3 buy limit 1@19 post_only
        > accepted 1:3#8 buy limit 1.0@19.0
        state state=auction
        > state state=auction
        amend 1:4 of=3 qty=0.5
        > rejected 1:4#8 state_forbids
        place 2:3 sell limit 0.4@19
        > accepted 2:3#11 sell limit 0.4@19.0
        state state=open
        > state state=open
        > uncrossed 0.4@19.0
        > trade 1:3#8 buy 0.4@19.0 leaves=0.6 maker=2#11:0.0
        """,
    ),
    case(
        "stops that the uncross hits enter afterwards, in the order of its prints; the trailing ones follow once",
        "states auction stop trailing",
        """
        place 1:3 buy stop_limit 0.1@15 stop_price=20
        > accepted 1:3#8 buy stop_limit 0.1@15.0 stop_price=20.0
        place 1:4 sell trailing_stop 0.1 stop_price=10 trail=3
        > accepted 1:4#9 sell trailing_stop 0.1 stop_price=10.0 trail=3.0
        state state=auction
        > state state=auction
        place 1:5 buy stop_limit 0.1@15 stop_price=25
        > accepted 1:5#11 buy stop_limit 0.1@15.0 stop_price=25.0
        place 1:6 buy limit 1@21
        > accepted 1:6#12 buy limit 1.0@21.0
        place 2:3 sell limit 0.5@20
        > accepted 2:3#13 sell limit 0.5@20.0
        place 2:4 sell limit 0.5@21
        > accepted 2:4#14 sell limit 0.5@21.0
        state state=open reference_price=21
        > state state=open reference_price=21.0
        > uncrossed 1.0@21.0
        > trade 1:6#12 buy 0.5@21.0 leaves=0.5 maker=2#13:0.0
        > trade 1:6#12 buy 0.5@21.0 leaves=0.0 maker=2#14:0.0
        > amended 1:4#9 0.1 trailed stop_price=18.0
        > triggered 1:3#8
        """,
    ),
    case(
        "stops hit by an uncross into post_only wait until the symbol is open",
        "states auction stop",
        """
        place 1:3 buy stop_limit 0.1@25 stop_price=20
        > accepted 1:3#8 buy stop_limit 0.1@25.0 stop_price=20.0
        state state=auction
        > state state=auction
        place 1:4 buy limit 1@20
        > accepted 1:4#10 buy limit 1.0@20.0
        place 2:3 sell limit 1@20
        > accepted 2:3#11 sell limit 1.0@20.0
        place 2:4 sell limit 1@23
        > accepted 2:4#12 sell limit 1.0@23.0
        state state=post_only
        > state state=post_only
        > uncrossed 1.0@20.0
        > trade 1:4#10 buy 1.0@20.0 leaves=0.0 maker=2#11:0.0
        state state=open
        > state state=open reference_price=20.0
        > triggered 1:3#8
        > trade 1:3#8 buy 0.1@23.0 leaves=0.0 maker=2#12:0.9
        """,
    ),
    case(
        "waiting orders of a pair end before their partner's trade in an uncross, the seller's first",
        "states auction stop oco",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@20
        > accepted 1:3#9 buy limit 1.0@20.0
        place 1:4 buy stop 1 stop_price=30 oco_client_id=3
        > accepted 1:4#10 buy stop 1.0 stop_price=30.0 oco_client_id=3
        place 2:3 sell limit 1@20
        > accepted 2:3#11 sell limit 1.0@20.0
        place 2:4 sell stop 1 stop_price=10 oco_client_id=3
        > accepted 2:4#12 sell stop 1.0 stop_price=10.0 oco_client_id=3
        state state=open
        > state state=open
        > uncrossed 1.0@20.0
        > cancelled 2:4#12 oco 1.0
        > cancelled 1:4#10 oco 1.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.0 maker=2#11:0.0
        """,
        {"1 USD": "980.00 0.00", "2 ETH": "9.000 0.000"},
    ),
    case(
        "an uncross is not bound by the band, and sets the reference price",
        "states auction band",
        """
        state state=auction reference_price=20 band_ppm=50000
        > state state=auction reference_price=20.0 band_ppm=50000
        place 1:3 buy limit 1@30
        > accepted 1:3#9 buy limit 1.0@30.0
        place 2:3 sell limit 1@29
        > accepted 2:3#10 sell limit 1.0@29.0
        state state=open
        > state state=open reference_price=20.0 band_ppm=50000
        > uncrossed 1.0@29.0
        > trade 1:3#9 buy 1.0@29.0 leaves=0.0 maker=2#10:0.0
        place 2:4 sell limit 0.1@30
        > accepted 2:4#14 sell limit 0.1@30.0
        place 1:4 buy limit 0.1@30
        > accepted 1:4#15 buy limit 0.1@30.0
        > trade 1:4#15 buy 0.1@30.0 leaves=0.0 maker=2#14:0.0
        state state=open
        > state state=open reference_price=29.0 band_ppm=50000
        """,
        {"1 USD": "968.00 0.00"},
    ),
    case(
        "gtd orders expire in an auction before its end trades",
        "states auction gtd",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@20 tif=gtd until=10
        > accepted 1:3#9 buy limit 1.0@20.0 until=10
        place 2:3 sell limit 1@20
        > accepted 2:3#10 sell limit 1.0@20.0
        state state=open at=10
        > cancelled 1:3#9 expired 1.0 at=10
        > state state=open at=10
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "a trade of an uncross may be busted",
        "states auction",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@21
        > accepted 1:3#9 buy limit 1.0@21.0
        place 2:3 sell limit 1@20
        > accepted 2:3#10 sell limit 1.0@20.0
        state state=open reference_price=20
        > state state=open reference_price=20.0
        > uncrossed 1.0@20.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.0 maker=2#10:0.0
        bust trade_seq=13
        > busted 1#9 trade_seq=13
        """,
        {"1 USD": "1000.00 0.00", "1 ETH": "10.000 0.000"},
    ),
    case(
        "a resume of every symbol: one after another, each with uncross, trailing stops, triggered orders",
        "states auction stop trailing",
        LIST_E2
        + """
        place 1:3 sell trailing_stop 0.1 stop_price=10 trail=1
        > accepted 1:3#9 sell trailing_stop 0.1 stop_price=10.0 trail=1.0
        place 1:4 buy stop_limit 0.1@15 stop_price=20
        > accepted 1:4#10 buy stop_limit 0.1@15.0 stop_price=20.0
        place 1:5 sell trailing_stop 0.1 stop_price=10 trail=1 symbol=E2
        > accepted 1:5#11 sell trailing_stop 0.1 stop_price=10.0 trail=1.0 symbol=E2
        place 1:6 buy stop_limit 0.1@15 stop_price=20 symbol=E2
        > accepted 1:6#12 buy stop_limit 0.1@15.0 stop_price=20.0 symbol=E2
        state state=auction symbol=E2
        > state state=auction symbol=E2
        state state=auction
        > state state=auction
        place 1:7 buy limit 1@20
        > accepted 1:7#15 buy limit 1.0@20.0
        place 2:3 sell limit 1@20
        > accepted 2:3#16 sell limit 1.0@20.0
        place 1:8 buy limit 1@21 symbol=E2
        > accepted 1:8#17 buy limit 1.0@21.0 symbol=E2
        place 2:4 sell limit 1@21 symbol=E2
        > accepted 2:4#18 sell limit 1.0@21.0 symbol=E2
        resume symbol=-
        > resumed symbol=-
        > uncrossed 1.0@20.0
        > trade 1:7#15 buy 1.0@20.0 leaves=0.0 maker=2#16:0.0
        > amended 1:3#9 0.1 trailed stop_price=19.0
        > triggered 1:4#10
        > uncrossed 1.0@21.0 symbol=E2
        > trade 1:8#17 buy 1.0@21.0 leaves=0.0 maker=2#18:0.0 symbol=E2
        > amended 1:5#11 0.1 trailed stop_price=20.0 symbol=E2
        > triggered 1:6#12 symbol=E2
        """,
    ),
]
