"""What market streams tell, as texts that clients compare."""

from config.instruments import load_instruments
from consumers.gateway.book import ASK, BID
from consumers.gateway.stream_payloads import levels_json
from tests.pipeline import INSTRUMENTS


def test_a_level_that_is_gone_has_binances_zero() -> None:
    """python-binance takes a level away only where its quantity is the text "0.00000000"."""
    instrument = load_instruments(INSTRUMENTS).instruments[0]
    told = levels_json(instrument, [(BID, 5_000_000, 0), (BID, 5_000_100, 25), (ASK, 5_000_200, 0)])
    assert told == {
        "b": [["50001.00", "0.0025"], ["50000.00", "0.00000000"]],
        "a": [["50002.00", "0.00000000"]],
    }
