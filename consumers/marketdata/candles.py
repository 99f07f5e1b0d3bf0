"""Which candles there are, and how long the rolling day is.

A bust takes volume and trade count back where the candle is kept; prices stay as they printed. A period
without a trade has no candle.
"""

INTERVALS = ("1s", "1m", "5m", "15m", "1h", "4h", "1d")
SECONDS = (1, 60, 300, 900, 3600, 14400, 86400)
NS = 1_000_000_000
WINDOW_MINUTES = 1440
LateBust = tuple[int, int, int, int, int, int]  # symbol, interval, start (s), lots, quote minor units, its sequence
