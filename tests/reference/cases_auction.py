"""Cases of the auction: what it collects, and the price of its end."""

from tests.reference.script import case

CASES = [
    case(
        "in an auction orders rest, crossed or not; its end trades at one price, and both sides pay the maker fee",
        "states auction",
        """
        state state=auction
        > state state=auction
        place 2:3 sell limit 1@19
        > accepted 2:3#9 sell limit 1.0@19.0
        place 1:3 buy limit 2@21
        > accepted 1:3#10 buy limit 2.0@21.0
        place 2:4 sell limit 1@21
        > accepted 2:4#11 sell limit 1.0@21.0
        place 1:4 buy limit 1@18
        > accepted 1:4#12 buy limit 1.0@18.0
        place 1:5 buy limit 1@21 post_only
        > rejected 1:5 state_forbids
        place 1:6 buy limit 1@21 tif=ioc
        > rejected 1:6 state_forbids
        place 1:7 buy market 1
        > rejected 1:7 state_forbids
        state state=open
        > state state=open
        > uncrossed 2.0@21.0
        > trade 1:3#10 buy 1.0@21.0 leaves=1.0 maker=2#9:0.0 fees=0.010/0.21
        > trade 1:3#10 buy 1.0@21.0 leaves=0.0 maker=2#11:0.0 fees=0.010/0.21
        """,
        {"1 USD": "940.00 18.00", "2 USD": "1041.58 0.00", "1 ETH": "11.980 0.000"},
        maker_fee_ppm=10000,
        taker_fee_ppm=20000,
    ),
    case(
        "most lots first: the price where most can trade",
        "states auction",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@22
        > accepted 1:3#9 buy limit 1.0@22.0
        place 1:4 buy limit 2@20
        > accepted 1:4#10 buy limit 2.0@20.0
        place 2:3 sell limit 1@18
        > accepted 2:3#11 sell limit 1.0@18.0
        place 2:4 sell limit 2@20
        > accepted 2:4#12 sell limit 2.0@20.0
        place 2:5 sell limit 5@21
        > accepted 2:5#13 sell limit 5.0@21.0
        resume
        > resumed
        > uncrossed 3.0@20.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.0 maker=2#11:0.0
        > trade 1:4#10 buy 2.0@20.0 leaves=0.0 maker=2#12:0.0
        """,
    ),
    case(
        "then the least surplus",
        "states auction",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@22
        > accepted 1:3#9 buy limit 1.0@22.0
        place 1:4 buy limit 1@20
        > accepted 1:4#10 buy limit 1.0@20.0
        place 2:3 sell limit 1@19
        > accepted 2:3#11 sell limit 1.0@19.0
        place 2:4 sell limit 4@21
        > accepted 2:4#12 sell limit 4.0@21.0
        resume
        > resumed
        > uncrossed 1.0@20.5
        > trade 1:3#9 buy 1.0@20.5 leaves=0.0 maker=2#11:0.0
        """,
    ),
    case(
        "then nearest to the reference price, even where the middle is elsewhere",
        "states auction",
        """
        state state=auction reference_price=30
        > state state=auction reference_price=30.0
        place 1:3 buy limit 1@22
        > accepted 1:3#9 buy limit 1.0@22.0
        place 2:3 sell limit 1@18
        > accepted 2:3#10 sell limit 1.0@18.0
        state state=open
        > state state=open reference_price=30.0
        > uncrossed 1.0@22.0
        > trade 1:3#9 buy 1.0@22.0 leaves=0.0 maker=2#10:0.0
        state state=auction reference_price=18.5
        > state state=auction reference_price=18.5
        place 1:4 buy limit 1@22
        > accepted 1:4#15 buy limit 1.0@22.0
        place 2:4 sell limit 1@18
        > accepted 2:4#16 sell limit 1.0@18.0
        state state=open
        > state state=open reference_price=18.5
        > uncrossed 1.0@18.5
        > trade 1:4#15 buy 1.0@18.5 leaves=0.0 maker=2#16:0.0
        """,
    ),
    case(
        "without a reference price nearest to the middle, rounded down",
        "states auction",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@22
        > accepted 1:3#9 buy limit 1.0@22.0
        place 2:3 sell limit 1@18.1
        > accepted 2:3#10 sell limit 1.0@18.1
        state state=open
        > state state=open
        > uncrossed 1.0@20.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.0 maker=2#10:0.0
        """,
    ),
    case(
        "of two equally near, the higher",
        "states auction",
        """
        state state=auction reference_price=20
        > state state=auction reference_price=20.0
        place 1:3 buy limit 1@22
        > accepted 1:3#9 buy limit 1.0@22.0
        place 1:4 buy limit 1@19.5
        > accepted 1:4#10 buy limit 1.0@19.5
        place 2:3 sell limit 1@18
        > accepted 2:3#11 sell limit 1.0@18.0
        place 2:4 sell limit 1@20.5
        > accepted 2:4#12 sell limit 1.0@20.5
        state state=open
        > state state=open reference_price=20.0
        > uncrossed 1.0@20.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.0 maker=2#11:0.0
        """,
    ),
    case(
        "hidden quantity trades with its order, the hidden part first, and what is left keeps its place",
        "states auction iceberg",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 2@20 display_qty=0.5
        > accepted 1:3#9 buy limit 2.0@20.0 display_qty=0.5
        place 1:4 buy limit 1@20
        > accepted 1:4#10 buy limit 1.0@20.0
        place 2:3 sell limit 0.7@20
        > accepted 2:3#11 sell limit 0.7@20.0
        place 2:4 sell limit 1@20 display_qty=0.3
        > accepted 2:4#12 sell limit 1.0@20.0 display_qty=0.3
        state state=open
        > state state=open
        > uncrossed 1.7@20.0
        > trade 1:3#9 buy 0.7@20.0 leaves=1.3 maker=2#11:0.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.3 maker=2#12:0.0
        place 2:5 sell limit 0.4@20
        > accepted 2:5#17 sell limit 0.4@20.0
        > trade 2:5#17 sell 0.3@20.0 leaves=0.1 maker=1#9:0.0
        > trade 2:5#17 sell 0.1@20.0 leaves=0.0 maker=1#10:0.9
        """,
    ),
    case(
        "best price first, oldest first, own account included",
        "states auction",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@20
        > accepted 1:3#9 buy limit 1.0@20.0
        place 1:4 buy limit 1@21
        > accepted 1:4#10 buy limit 1.0@21.0
        place 1:5 sell limit 1@19
        > accepted 1:5#11 sell limit 1.0@19.0
        place 1:6 sell limit 1@18
        > accepted 1:6#12 sell limit 1.0@18.0
        place 2:3 sell limit 1@18
        > accepted 2:3#13 sell limit 1.0@18.0
        resume
        > resumed
        > uncrossed 2.0@18.9
        > trade 1:4#10 buy 1.0@18.9 leaves=0.0 maker=1#12:0.0
        > trade 1:3#9 buy 1.0@18.9 leaves=0.0 maker=2#13:0.0
        """,
        {"1 USD": "981.10 0.00", "1 ETH": "10.000 1.000"},
    ),
    case(
        "a book that is not crossed is not uncrossed, and the auction ends without a price",
        "states auction",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@19
        > accepted 1:3#9 buy limit 1.0@19.0
        place 2:3 sell limit 1@20
        > accepted 2:3#10 sell limit 1.0@20.0
        state state=open
        > state state=open
        """,
    ),
    case(
        "after halted, closed or cancel_only a crossed book stays: only an auction may follow, or what uncrosses it",
        "states auction",
        """
        state state=auction
        > state state=auction
        place 1:3 buy limit 1@20
        > accepted 1:3#9 buy limit 1.0@20.0
        place 2:3 sell limit 1@20
        > accepted 2:3#10 sell limit 1.0@20.0
        state state=closed
        > state state=closed
        state state=halted
        > rejected state_forbids
        state state=cancel_only
        > rejected state_forbids
        halt
        > halted
        state state=auction
        > state state=auction
        place 1:4 buy limit 1@20
        > accepted 1:4#16 buy limit 1.0@20.0
        halt
        > halted
        state state=post_only
        > state state=post_only
        > uncrossed 1.0@20.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.0 maker=2#10:0.0
        """,
    ),
]
