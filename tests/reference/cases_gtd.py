"""Cases of good till date: when an order expires, and in which order."""

from tests.reference.script import case

CASES = [
    case(
        "a gtd order ends before the command whose time ends it, even if that is refused, and no request is its cause",
        "gtd",
        """
        place 1:3 buy limit 1@20 tif=gtd until=100
        > accepted 1:3#8 buy limit 1.0@20.0 until=100
        place 1:4 buy limit 1@20 at=99
        > accepted 1:4#9 buy limit 1.0@20.0 at=99
        place 1:3 buy limit 1@20 at=100
        > cancelled 1:3#8 expired 1.0 at=100
        > rejected 1:3 duplicate_client_id at=100
        cancel 1:5 of=3
        > rejected 1:5 unknown_order at=100 symbol=-
        """,
        {"1 USD": "980.00 20.00"},
    ),
    case(
        "by expiry, then oldest; an order that an amend sent to the back counts as accepted then",
        "gtd stop",
        """
        place 1:3 buy limit 1@20 tif=gtd until=100
        > accepted 1:3#8 buy limit 1.0@20.0 until=100
        place 2:3 buy limit 1@19 tif=gtd until=100
        > accepted 2:3#9 buy limit 1.0@19.0 until=100
        place 1:4 buy stop 1 stop_price=30 tif=gtd until=99
        > accepted 1:4#10 buy stop 1.0 stop_price=30.0 until=99
        place 1:5 buy limit 1@18 tif=gtd until=100
        > accepted 1:5#11 buy limit 1.0@18.0 until=100
        place 1:6 buy limit 1@18 tif=gtd until=102
        > accepted 1:6#12 buy limit 1.0@18.0 until=102
        amend 1:7 of=3 qty=1.1
        > amended 1:3#8 1.1@20.0 by=7
        amend 1:8 of=5 qty=0.9
        > amended 1:5#11 0.9@18.0 by=8
        time at=101
        > cancelled 1:4#10 expired 1.0 at=101
        > cancelled 2:3#9 expired 1.0 at=101
        > cancelled 1:5#11 expired 0.9 at=101
        > cancelled 1:3#8 expired 1.1 at=101
        > time at=101
        """,
        {"1 USD": "982.00 18.00", "2 USD": "1000.00 0.00"},
    ),
    case(
        "gtd needs a time later than now; others take none",
        "gtd",
        """
        place 1:3 buy limit 1@20 tif=gtd
        > rejected 1:3 malformed symbol=-
        place 1:4 buy limit 1@20 until=100
        > rejected 1:4 malformed symbol=-
        place 1:5 buy limit 1@20 tif=gtd until=0
        > rejected 1:5 malformed
        place 1:6 buy limit 1@20 tif=gtd until=5 at=5
        > rejected 1:6 malformed at=5
        place 1:7 buy limit 1@20 tif=gtd until=6
        > accepted 1:7#12 buy limit 1.0@20.0 until=6 at=5
        place 1:8 buy market 1 tif=gtd until=100
        > rejected 1:8 malformed at=5 symbol=-
        place 1:9 buy limit 1@20 tif=fok until=100
        > rejected 1:9 malformed at=5 symbol=-
        place 1:10 buy limit 1@19 tif=gtd until=7 post_only
        > accepted 1:10#15 buy limit 1.0@19.0 until=7 at=5
        """,
        {"1 USD": "961.00 39.00"},
    ),
    case(
        "the time never goes back, and a malformed line with a time moves it",
        "gtd",
        """
        time at=50
        > time at=50
        place 1:3 buy limit 1@20 tif=gtd until=60 at=40
        > accepted 1:3#9 buy limit 1.0@20.0 until=60 at=50
        place 1:4 buy limit abc@20 at=60
        > cancelled 1:3#9 expired 1.0 at=60
        > rejected 1:4 malformed at=60 symbol=-
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "what expired can't be amended, cancelled, traded with or be in the way of a post_only",
        "gtd",
        """
        place 1:3 sell limit 1@20 tif=gtd until=100
        > accepted 1:3#8 sell limit 1.0@20.0 until=100
        place 1:4 sell limit 1@20 tif=gtd until=101
        > accepted 1:4#9 sell limit 1.0@20.0 until=101
        place 2:3 buy limit 1@20 post_only at=100
        > cancelled 1:3#8 expired 1.0 at=100
        > rejected 2:3 would_cross at=100
        place 2:4 buy limit 1@20 post_only at=101
        > cancelled 1:4#9 expired 1.0 at=101
        > accepted 2:4#13 buy limit 1.0@20.0 at=101
        amend 1:5 of=3 qty=0.5
        > rejected 1:5 unknown_order at=101 symbol=-
        """,
        {"2 USD": "980.00 20.00"},
    ),
    case(
        "halt does not keep an order from expiring, nor does suspension of another",
        "gtd",
        """
        place 1:3 buy limit 1@20 tif=gtd until=100
        > accepted 1:3#8 buy limit 1.0@20.0 until=100
        halt
        > halted
        suspend 2
        > suspended 2
        place 2:3 buy limit 1@20 at=100
        > cancelled 1:3#8 expired 1.0 at=100
        > rejected 2:3 account_suspended at=100
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "a gtd stop keeps its end once it has triggered",
        "gtd stop",
        """
        place 1:3 buy stop_limit 1@20 stop_price=20 tif=gtd until=100
        > accepted 1:3#8 buy stop_limit 1.0@20.0 stop_price=20.0 until=100
        place 2:3 sell limit 0.1@20
        > accepted 2:3#9 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#10 buy limit 0.1@20.0
        > trade 2:4#10 buy 0.1@20.0 leaves=0.0 maker=2#9:0.0
        > triggered 1:3#8
        time at=100
        > cancelled 1:3#8 expired 1.0 at=100
        > time at=100
        """,
        {"1 USD": "1000.00 0.00"},
    ),
]
