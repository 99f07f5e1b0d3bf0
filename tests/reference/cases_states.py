"""Cases of symbol states and of the volatility halt."""

from tests.reference.script import case

CASES = [
    case(
        "a state event says state, reference price and band; what is left out stays, a band of 0 is none",
        "states band",
        """
        state state=post_only
        > state state=post_only
        state state=post_only reference_price=20 band_ppm=50000
        > state state=post_only reference_price=20.0 band_ppm=50000
        state state=open
        > state state=open reference_price=20.0 band_ppm=50000
        state state=halted band_ppm=0
        > state state=halted reference_price=20.0
        resume
        > resumed
        state state=closed
        > state state=closed reference_price=20.0
        halt
        > halted
        """,
    ),
    case(
        "what a state command may not say",
        "states band",
        """
        state state=shut
        > rejected malformed symbol=-
        state band_ppm=5
        > rejected malformed symbol=-
        state state=open symbol=NO-NO
        > rejected unknown_symbol symbol=-
        state state=open reference_price=abc
        > rejected malformed symbol=-
        state state=open reference_price=20.05
        > rejected price_off_tick
        state state=open reference_price=100.1
        > rejected price_out_of_band
        state state=open reference_price=0
        > rejected price_out_of_band
        state state=open band_ppm=1000001
        > rejected malformed symbol=-
        state state=open band_ppm=-1
        > rejected malformed symbol=-
        state state=open symbol=-
        > rejected malformed symbol=-
        """,
    ),
    case(
        "post_only takes limits that rest and waiting orders not yet reached, and nothing that would trade",
        "states stop min_qty gtd",
        """
        place 2:3 sell limit 0.1@20
        > accepted 2:3#8 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#9 buy limit 0.1@20.0
        > trade 2:4#9 buy 0.1@20.0 leaves=0.0 maker=2#8:0.0
        place 2:5 sell limit 1@20
        > accepted 2:5#11 sell limit 1.0@20.0
        state state=post_only
        > state state=post_only reference_price=20.0
        place 1:3 buy limit 1@20
        > rejected 1:3 would_cross
        place 1:4 buy limit 1@19.9
        > accepted 1:4#14 buy limit 1.0@19.9
        place 1:5 buy limit 1@19 tif=gtd until=5
        > accepted 1:5#15 buy limit 1.0@19.0 until=5
        place 1:6 buy limit 1@19 tif=ioc
        > rejected 1:6 state_forbids
        place 1:7 buy limit 1@19 tif=fok
        > rejected 1:7 state_forbids
        place 1:8 buy market 1
        > rejected 1:8 state_forbids
        place 1:9 buy stop 1 stop_price=20
        > rejected 1:9 state_forbids
        place 1:10 buy stop 1 stop_price=21
        > accepted 1:10#20 buy stop 1.0 stop_price=21.0
        place 1:11 buy limit 1@19 min_qty=1
        > rejected 1:11 min_qty_unfilled
        place 1:12 buy limit 1@18 post_only
        > accepted 1:12#22 buy limit 1.0@18.0
        amend 1:13 of=4 price=20
        > rejected 1:13#14 would_cross
        amend 1:14 of=4 price=19.5
        > amended 1:4#14 1.0@19.5 by=14
        amend 1:15 of=10 stop_price=20
        > rejected 1:15#20 state_forbids
        amend 1:16 of=10 stop_price=20.5
        > amended 1:10#20 1.0 stop_price=20.5 by=16
        state state=open
        > state state=open reference_price=20.0
        place 1:17 buy limit 1@20
        > accepted 1:17#28 buy limit 1.0@20.0
        > trade 1:17#28 buy 1.0@20.0 leaves=0.0 maker=2#11:0.0
        """,
        {"1 USD": "903.00 77.00", "2 ETH": "9.000 0.000"},
    ),
    case(
        "cancel_only and closed take cancels alone, halted says so by its own name; orders expire everywhere",
        "states stop gtd",
        """
        place 1:3 buy limit 1@20
        > accepted 1:3#8 buy limit 1.0@20.0
        place 1:4 buy limit 1@20 tif=gtd until=10
        > accepted 1:4#9 buy limit 1.0@20.0 until=10
        place 1:5 buy stop 1 stop_price=30
        > accepted 1:5#10 buy stop 1.0 stop_price=30.0
        place 1:6 buy limit 1@19
        > accepted 1:6#11 buy limit 1.0@19.0
        state state=cancel_only
        > state state=cancel_only
        place 1:7 buy limit 1@20
        > rejected 1:7 state_forbids
        amend 1:8 of=3 qty=0.5
        > rejected 1:8#8 state_forbids
        amend 1:9 of=5 stop_price=31
        > rejected 1:9#10 state_forbids
        cancel 1:10 of=3
        > cancelled 1:3#8 user 1.0 by=10
        state state=closed
        > state state=closed
        place 1:11 buy limit 1@20 at=10
        > cancelled 1:4#9 expired 1.0 at=10
        > rejected 1:11 state_forbids at=10
        cancel 1:12 of=5
        > cancelled 1:5#10 user 1.0 by=12 at=10
        state state=halted
        > state state=halted at=10
        place 1:13 buy limit 1@20
        > rejected 1:13 symbol_halted at=10
        amend 1:14 of=6 qty=0.5
        > rejected 1:14#11 symbol_halted at=10
        mass_cancel 1:15
        > cancelled 1:6#11 mass_cancel 1.0 by=15 at=10
        > mass_cancelled 1:15 1 at=10 symbol=-
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "a trade outside the band does not happen: the rest is cancelled, and the halt of the symbol ends the command",
        "states band",
        """
        state state=open reference_price=20 band_ppm=50000
        > state state=open reference_price=20.0 band_ppm=50000
        place 2:3 sell limit 0.1@21
        > accepted 2:3#9 sell limit 0.1@21.0
        place 2:4 sell limit 0.1@21.1
        > accepted 2:4#10 sell limit 0.1@21.1
        place 1:3 buy limit 1@22
        > accepted 1:3#11 buy limit 1.0@22.0
        > trade 1:3#11 buy 0.1@21.0 leaves=0.9 maker=2#9:0.0
        > cancelled 1:3#11 volatility 0.9
        > halted volatility
        place 1:4 buy limit 1@22
        > rejected 1:4 symbol_halted
        resume
        > resumed
        place 1:5 buy market 0.1
        > accepted 1:5#17 buy market 0.1
        > cancelled 1:5#17 volatility 0.1
        > halted volatility
        resume
        > resumed
        place 1:6 sell limit 0.1@18.9
        > accepted 1:6#21 sell limit 0.1@18.9
        place 2:5 buy limit 0.1@19
        > accepted 2:5#22 buy limit 0.1@19.0
        > cancelled 2:5#22 volatility 0.1
        > halted volatility
        place 1:7 buy limit 0.1@19
        > rejected 1:7 symbol_halted
        """,
        {"1 USD": "997.90 0.00", "1 ETH": "10.000 0.100"},
    ),
    case(
        "fok, min_qty, market walks and budgets count only what is inside the band",
        "states band min_qty",
        """
        state state=open reference_price=20 band_ppm=50000
        > state state=open reference_price=20.0 band_ppm=50000
        place 2:3 sell limit 0.5@21
        > accepted 2:3#9 sell limit 0.5@21.0
        place 2:4 sell limit 5@22
        > accepted 2:4#10 sell limit 5.0@22.0
        withdraw 1:3 asset=USD amount=900
        > withdrawn 1:3 asset=USD amount=900.00 symbol=-
        place 1:4 buy limit 1@25 tif=fok
        > rejected 1:4 fok_unfilled
        place 1:5 buy limit 1@25 min_qty=0.6
        > rejected 1:5 min_qty_unfilled
        place 1:6 buy market quote_budget=50
        > accepted 1:6#14 buy market 0.5
        > trade 1:6#14 buy 0.5@21.0 leaves=0.0 maker=2#9:0.0
        place 2:5 sell limit 0.5@21
        > accepted 2:5#16 sell limit 0.5@21.0
        place 1:7 buy market 5
        > accepted 1:7#17 buy market 5.0
        > trade 1:7#17 buy 0.5@21.0 leaves=4.5 maker=2#16:0.0
        > cancelled 1:7#17 volatility 4.5
        > halted volatility
        resume
        > resumed
        place 1:8 buy market quote_budget=50
        > accepted 1:8#22 buy market 0.0
        > cancelled 1:8#22 market_remainder 0.0
        """,
        {"1 USD": "79.00 0.00"},
    ),
    case(
        "without a reference price the first print sets it, and the rest of its walk is measured by it",
        "states band",
        """
        place 2:3 sell limit 0.5@20
        > accepted 2:3#8 sell limit 0.5@20.0
        place 2:4 sell limit 0.5@30
        > accepted 2:4#9 sell limit 0.5@30.0
        place 1:3 buy limit 0.1@20
        > accepted 1:3#10 buy limit 0.1@20.0
        > trade 1:3#10 buy 0.1@20.0 leaves=0.0 maker=2#8:0.4
        state state=open band_ppm=100000
        > state state=open reference_price=20.0 band_ppm=100000
        place 1:4 buy limit 1@30
        > accepted 1:4#13 buy limit 1.0@30.0
        > trade 1:4#13 buy 0.4@20.0 leaves=0.6 maker=2#8:0.0
        > cancelled 1:4#13 volatility 0.6
        > halted volatility
        """,
        {"1 USD": "990.00 0.00"},
    ),
    case(
        "a fok without a reference price counts by the print that it would make first",
        "states band",
        """
        state state=open band_ppm=100000
        > state state=open band_ppm=100000
        place 2:3 sell limit 0.5@20
        > accepted 2:3#9 sell limit 0.5@20.0
        place 2:4 sell limit 0.5@30
        > accepted 2:4#10 sell limit 0.5@30.0
        place 1:3 buy limit 0.6@30 tif=fok
        > rejected 1:3 fok_unfilled
        place 1:4 buy limit 0.5@30 tif=fok
        > accepted 1:4#12 buy limit 0.5@30.0
        > trade 1:4#12 buy 0.5@20.0 leaves=0.0 maker=2#9:0.0
        """,
        {"1 USD": "990.00 0.00"},
    ),
    case(
        "self-trade prevention is no trade, so no band stops it",
        "states band",
        """
        place 1:3 sell limit 1@20
        > accepted 1:3#8 sell limit 1.0@20.0
        state state=open reference_price=30 band_ppm=50000
        > state state=open reference_price=30.0 band_ppm=50000
        place 2:3 sell limit 1@29
        > accepted 2:3#10 sell limit 1.0@29.0
        place 1:4 buy market 1 stp=cancel_maker
        > accepted 1:4#11 buy market 1.0
        > cancelled 1:3#8 self_trade 1.0 by=4
        > trade 1:4#11 buy 1.0@29.0 leaves=0.0 maker=2#10:0.0
        """,
        {"1 USD": "971.00 0.00"},
    ),
    case(
        "the band rounds inwards, and a band of all or more only bounds above",
        "states band",
        """
        state state=open reference_price=20.1 band_ppm=50000
        > state state=open reference_price=20.1 band_ppm=50000
        place 2:3 sell limit 0.1@21.1
        > accepted 2:3#9 sell limit 0.1@21.1
        place 2:4 sell limit 0.1@21.2
        > accepted 2:4#10 sell limit 0.1@21.2
        place 1:3 buy limit 0.1@21.1
        > accepted 1:3#11 buy limit 0.1@21.1
        > trade 1:3#11 buy 0.1@21.1 leaves=0.0 maker=2#9:0.0
        place 1:4 buy limit 0.1@21.2
        > accepted 1:4#13 buy limit 0.1@21.2
        > cancelled 1:4#13 volatility 0.1
        > halted volatility
        state state=open reference_price=20 band_ppm=1000000
        > state state=open reference_price=20.0 band_ppm=1000000
        place 2:5 buy limit 0.1@1
        > accepted 2:5#17 buy limit 0.1@1.0
        place 1:5 sell limit 0.1@1
        > accepted 1:5#18 sell limit 0.1@1.0
        > trade 1:5#18 sell 0.1@1.0 leaves=0.0 maker=2#17:0.0
        """,
        {"1 USD": "997.99 0.00"},
    ),
    case(
        "orders hit before a volatility halt enter when the symbol is open again; cancel takes them, amend does not",
        "states band stop",
        """
        state state=open reference_price=20 band_ppm=50000
        > state state=open reference_price=20.0 band_ppm=50000
        place 2:3 sell limit 0.1@20
        > accepted 2:3#9 sell limit 0.1@20.0
        place 2:4 sell limit 0.1@22
        > accepted 2:4#10 sell limit 0.1@22.0
        place 1:3 buy stop_limit 0.1@15 stop_price=20
        > accepted 1:3#11 buy stop_limit 0.1@15.0 stop_price=20.0
        place 1:4 buy stop_limit 0.1@15 stop_price=20
        > accepted 1:4#12 buy stop_limit 0.1@15.0 stop_price=20.0
        place 1:5 buy stop_limit 0.1@15 stop_price=20
        > accepted 1:5#13 buy stop_limit 0.1@15.0 stop_price=20.0
        place 1:6 buy limit 0.2@22
        > accepted 1:6#14 buy limit 0.2@22.0
        > trade 1:6#14 buy 0.1@20.0 leaves=0.1 maker=2#9:0.0
        > cancelled 1:6#14 volatility 0.1
        > halted volatility
        cancel 1:7 of=3
        > cancelled 1:3#11 user 0.1 by=7
        amend 1:8 of=4 qty=0.1
        > rejected 1:8#12 symbol_halted
        state state=post_only
        > state state=post_only reference_price=20.0 band_ppm=50000
        amend 1:9 of=4 qty=0.1
        > rejected 1:9#12 state_forbids
        state state=open
        > state state=open reference_price=20.0 band_ppm=50000
        > triggered 1:4#12
        > triggered 1:5#13
        """,
        {"1 USD": "995.00 3.00", "1 ETH": "10.100 0.000"},
    ),
    case(
        "a triggered order that halts the symbol leaves the others queued",
        "states band stop",
        """
        state state=open reference_price=20 band_ppm=50000
        > state state=open reference_price=20.0 band_ppm=50000
        place 2:3 sell limit 0.1@20
        > accepted 2:3#9 sell limit 0.1@20.0
        place 2:4 sell limit 0.1@22
        > accepted 2:4#10 sell limit 0.1@22.0
        place 1:3 buy stop 0.1 stop_price=20
        > accepted 1:3#11 buy stop 0.1 stop_price=20.0
        place 1:4 buy stop_limit 0.1@15 stop_price=20
        > accepted 1:4#12 buy stop_limit 0.1@15.0 stop_price=20.0
        place 1:5 buy limit 0.1@20
        > accepted 1:5#13 buy limit 0.1@20.0
        > trade 1:5#13 buy 0.1@20.0 leaves=0.0 maker=2#9:0.0
        > triggered 1:3#11
        > cancelled 1:3#11 volatility 0.1
        > halted volatility
        resume
        > resumed
        > triggered 1:4#12
        """,
        {"1 USD": "996.50 1.50", "1 ETH": "10.100 0.000"},
    ),
]
