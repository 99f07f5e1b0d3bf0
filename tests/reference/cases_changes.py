"""Cases of changing and delisting while it trades, and of cancel on disconnect."""

from tests.reference.script import case

CASES = [
    case(
        "changed terms hold from then on, open orders stay as they are",
        "change",
        """
        place 1:3 buy limit 1@20
        > accepted 1:3#8 buy limit 1.0@20.0
        change_instrument price_min=25 price_max=30 qty_min=0.5 qty_max=5 min_notional=20 max_open_orders=3
        > changed base=ETH quote=USD tick_size=0.1 lot_size=0.1 price_min=25.0 price_max=30.0 maker_fee_ppm=0 \
            taker_fee_ppm=0 qty_min=0.5 qty_max=5.0 min_notional=20.00 max_open_orders=3
        place 1:4 buy limit 1@20
        > rejected 1:4 price_out_of_band
        place 1:5 buy limit 0.4@26
        > rejected 1:5 qty_out_of_range
        place 1:6 buy limit 5.1@26
        > rejected 1:6 qty_out_of_range
        place 1:7 buy limit 0.7@26
        > rejected 1:7 notional_too_small
        amend 1:8 of=3 qty=0.9
        > rejected 1:8#8 notional_too_small
        amend 1:9 of=3 qty=1.1
        > amended 1:3#8 1.1@20.0 by=9
        amend 1:10 of=3 price=26
        > amended 1:3#8 1.1@26.0 by=10
        place 1:11 buy limit 1@26
        > accepted 1:11#17 buy limit 1.0@26.0
        place 1:12 buy limit 1@26
        > accepted 1:12#18 buy limit 1.0@26.0
        place 1:13 buy limit 1@26
        > rejected 1:13 book_full
        """,
        {"1 USD": "919.40 80.60"},
    ),
    case(
        "changed fees are those of the next trade; a limit of 0 is none",
        "change",
        """
        place 2:3 sell limit 1@20
        > accepted 2:3#8 sell limit 1.0@20.0
        change_instrument maker_fee_ppm=10000 taker_fee_ppm=20000 qty_min=0 max_open_orders=0 \
            market_collar_ppm=0
        > changed base=ETH quote=USD tick_size=0.1 lot_size=0.1 price_min=1.0 price_max=100.0 \
            maker_fee_ppm=10000 taker_fee_ppm=20000
        place 2:4 sell limit 0.5@40
        > accepted 2:4#10 sell limit 0.5@40.0
        place 1:3 buy market 1.5
        > accepted 1:3#11 buy market 1.5
        > trade 1:3#11 buy 1.0@20.0 leaves=0.5 maker=2#8:0.0 fees=0.020/0.20
        > trade 1:3#11 buy 0.5@40.0 leaves=0.0 maker=2#10:0.0 fees=0.010/0.20
        """,
        {"1 USD": "960.00 0.00", "2 USD": "1039.60 0.00"},
        qty_min="1",
        max_open_orders=1,
        market_collar_ppm=50000,
    ),
    case(
        "what may not be changed, or not so, is malformed",
        "change",
        """
        change_instrument
        > rejected malformed symbol=-
        change_instrument symbol=NO-NO price_max=50
        > rejected unknown_symbol symbol=-
        change_instrument symbol=- price_max=50
        > rejected malformed symbol=-
        change_instrument price_min=30 price_max=20
        > rejected malformed symbol=-
        change_instrument price_min=0
        > rejected malformed symbol=-
        change_instrument price_max=20.05
        > rejected malformed symbol=-
        change_instrument tick_size=0.1 price_max=50
        > rejected malformed symbol=-
        change_instrument base=ETH price_max=50
        > rejected malformed symbol=-
        change_instrument maker_fee_ppm=1000001
        > rejected malformed symbol=-
        change_instrument price_max=99999999999999999999
        > rejected malformed symbol=-
        change_instrument qty_min=2 qty_max=1
        > rejected malformed symbol=-
        change_instrument max_open_orders=-1
        > rejected malformed symbol=-
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "a trailing stop does not leave a band that has changed",
        "change trailing",
        """
        place 1:3 sell trailing_stop 1 stop_price=17 trail=2
        > accepted 1:3#8 sell trailing_stop 1.0 stop_price=17.0 trail=2.0
        change_instrument price_min=19 price_max=30
        > changed base=ETH quote=USD tick_size=0.1 lot_size=0.1 price_min=19.0 price_max=30.0 maker_fee_ppm=0 \
            taker_fee_ppm=0
        place 2:3 sell limit 0.1@20
        > accepted 2:3#10 sell limit 0.1@20.0
        place 2:4 buy limit 0.1@20 stp=none
        > accepted 2:4#11 buy limit 0.1@20.0
        > trade 2:4#11 buy 0.1@20.0 leaves=0.0 maker=2#10:0.0
        place 2:5 sell limit 0.1@21
        > accepted 2:5#13 sell limit 0.1@21.0
        place 2:6 buy limit 0.1@21 stp=none
        > accepted 2:6#14 buy limit 0.1@21.0
        > trade 2:6#14 buy 0.1@21.0 leaves=0.0 maker=2#13:0.0
        > amended 1:3#8 1.0 trailed stop_price=19.0
        """,
        {"1 ETH": "9.000 1.000"},
    ),
    case(
        "a trade may be busted where the band has left its price behind, an order amended but not moved outside",
        "change",
        """
        place 2:3 sell limit 2@50
        > accepted 2:3#8 sell limit 2.0@50.0
        place 1:3 buy limit 1@50
        > accepted 1:3#9 buy limit 1.0@50.0
        > trade 1:3#9 buy 1.0@50.0 leaves=0.0 maker=2#8:1.0
        change_instrument price_max=30
        > changed base=ETH quote=USD tick_size=0.1 lot_size=0.1 price_min=1.0 price_max=30.0 maker_fee_ppm=0 \
            taker_fee_ppm=0
        amend 2:4 of=3 qty=2
        > amended 2:3#8 2.0@50.0 by=4
        amend 2:5 of=3 price=50
        > rejected 2:5#8 price_out_of_band
        amend 2:6 of=3 price=40
        > rejected 2:6#8 price_out_of_band
        bust trade_seq=10
        > busted 1#9 trade_seq=10
        """,
        {"1 USD": "1000.00 0.00", "2 ETH": "8.000 2.000"},
    ),
    case(
        "delisting ends all orders, oldest first, waiting ones and partners too; the symbol's name is used up",
        "delist stop oco",
        """
        place 1:3 buy limit 1@20
        > accepted 1:3#8 buy limit 1.0@20.0
        place 2:3 sell limit 1@21
        > accepted 2:3#9 sell limit 1.0@21.0
        place 1:4 buy stop 1 stop_price=30
        > accepted 1:4#10 buy stop 1.0 stop_price=30.0
        place 1:5 buy stop 1 stop_price=30 oco_client_id=3
        > accepted 1:5#11 buy stop 1.0 stop_price=30.0 oco_client_id=3
        amend 1:6 of=4 stop_price=31
        > amended 1:4#10 1.0 stop_price=31.0 by=6
        delist_instrument
        > delisted
        > cancelled 1:3#8 delisted 1.0
        > cancelled 1:5#11 oco 1.0
        > cancelled 2:3#9 delisted 1.0
        > cancelled 1:4#10 delisted 1.0
        place 1:7 buy limit 1@20
        > rejected 1:7 unknown_symbol symbol=-
        mass_cancel 1:8 symbol=ETH-USD
        > rejected 1:8 unknown_symbol symbol=-
        halt
        > rejected unknown_symbol symbol=-
        delist_instrument
        > rejected unknown_symbol symbol=-
        list_instrument base=ETH quote=USD tick_size=0.1 lot_size=0.1 price_min=1 price_max=100 \
            maker_fee_ppm=0 taker_fee_ppm=0
        > rejected malformed symbol=-
        mass_cancel 1:9
        > mass_cancelled 1:9 0 symbol=-
        """,
        {"1 USD": "1000.00 0.00", "2 ETH": "10.000 0.000"},
    ),
    case(
        "orders hit before a volatility halt, which have not entered yet, end with their symbol too",
        "delist states band stop",
        """
        state state=open reference_price=20 band_ppm=50000
        > state state=open reference_price=20.0 band_ppm=50000
        place 2:3 sell limit 0.1@20
        > accepted 2:3#9 sell limit 0.1@20.0
        place 2:4 sell limit 0.1@22
        > accepted 2:4#10 sell limit 0.1@22.0
        place 1:3 buy stop_limit 0.1@15 stop_price=20
        > accepted 1:3#11 buy stop_limit 0.1@15.0 stop_price=20.0
        place 1:4 buy limit 0.2@22
        > accepted 1:4#12 buy limit 0.2@22.0
        > trade 1:4#12 buy 0.1@20.0 leaves=0.1 maker=2#9:0.0
        > cancelled 1:4#12 volatility 0.1
        > halted volatility
        delist_instrument
        > delisted
        > cancelled 2:4#10 delisted 0.1
        > cancelled 1:3#11 delisted 0.1
        mass_cancel 1:5
        > mass_cancelled 1:5 0 symbol=-
        """,
        {"1 USD": "998.00 0.00", "2 ETH": "9.900 0.000"},
    ),
    case(
        "a trade of a delisted symbol may still be busted",
        "delist",
        """
        place 2:3 sell limit 1@20
        > accepted 2:3#8 sell limit 1.0@20.0
        place 1:3 buy limit 1@20
        > accepted 1:3#9 buy limit 1.0@20.0
        > trade 1:3#9 buy 1.0@20.0 leaves=0.0 maker=2#8:0.0
        delist_instrument
        > delisted
        bust trade_seq=10
        > busted 1#9 trade_seq=10
        """,
        {"1 USD": "1000.00 0.00"},
    ),
    case(
        "an asset is delisted when no listed instrument has it: no deposits, no listings, but withdrawals",
        "delist",
        """
        delist_asset asset=ETH
        > rejected malformed symbol=-
        delist_asset asset=NONE
        > rejected malformed symbol=-
        delist_asset
        > rejected malformed symbol=-
        delist_instrument
        > delisted
        delist_asset asset=ETH
        > delisted asset=ETH symbol=-
        delist_asset asset=ETH
        > rejected malformed symbol=-
        deposit 1:3 asset=ETH amount=1
        > rejected 1:3 malformed symbol=-
        withdraw 1:4 asset=ETH amount=1
        > withdrawn 1:4 asset=ETH amount=1.000 symbol=-
        deposit 1:5 asset=USD amount=1
        > deposited 1:5 asset=USD amount=1.00 symbol=-
        list_instrument symbol=E2 base=ETH quote=USD tick_size=0.1 lot_size=0.1 price_min=1 price_max=100 \
            maker_fee_ppm=0 taker_fee_ppm=0
        > rejected malformed symbol=-
        """,
        {"1 ETH": "9.000 0.000"},
    ),
    case(
        "a silent session's account has its orders ended, oldest first, without client id or request",
        "disconnect stop oco",
        """
        place 1:3 buy limit 1@20
        > accepted 1:3#8 buy limit 1.0@20.0
        place 1:4 buy limit 1@19
        > accepted 1:4#9 buy limit 1.0@19.0
        place 1:5 buy stop 1 stop_price=30 oco_client_id=3
        > accepted 1:5#10 buy stop 1.0 stop_price=30.0 oco_client_id=3
        place 2:3 buy limit 1@20
        > accepted 2:3#11 buy limit 1.0@20.0
        disconnect 1
        > cancelled 1:3#8 disconnect 1.0
        > cancelled 1:5#10 oco 1.0
        > cancelled 1:4#9 disconnect 1.0
        > mass_cancelled 1 3 symbol=-
        disconnect 1
        > mass_cancelled 1 0 symbol=-
        disconnect 9
        > rejected 9 unknown_account symbol=-
        """,
        {"1 USD": "1000.00 0.00"},
    ),
]
