"""A strategy of freqtrade's, always in the market and never for long: it buys, buys more, sells a part, sells."""

from datetime import timedelta

from freqtrade.strategy import IStrategy

STEP = timedelta(seconds=2)  # from an order of a trade to the next
ORDERS = 7  # of a trade before its exit; freqtrade begins one trade a candle


class Rounds(IStrategy):
    """Market orders, with a stop loss kept at the exchange."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    startup_candle_count = 0
    process_only_new_candles = False
    position_adjustment_enable = True
    minimal_roi = {"0": 10}
    stoploss = -0.1
    order_types = {
        "entry": "market",
        "exit": "market",
        "stoploss": "limit",
        "stoploss_on_exchange": True,
    }

    def populate_indicators(self, dataframe, metadata):
        """None."""
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        """Always."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        """By time alone: see custom_exit."""
        return dataframe

    def adjust_trade_position(self, trade, current_time, *args, **kwargs):
        """In turn: more, then half of it back."""
        if trade.has_open_orders or not self._is_due(trade, current_time):
            return None
        orders = self._filled(trade)
        if orders >= ORDERS:
            return None
        return 300.0 if orders % 2 else -trade.stake_amount / 2

    def custom_exit(self, pair, trade, current_time, *args, **kwargs):
        """The rest."""
        return "enough" if self._filled(trade) >= ORDERS and self._is_due(trade, current_time) else None

    @staticmethod
    def _filled(trade):
        return sum(order.ft_order_side != "stoploss" and order.safe_filled > 0 for order in trade.orders)

    @staticmethod
    def _is_due(trade, current_time):
        return current_time - trade.date_last_filled_utc >= STEP
