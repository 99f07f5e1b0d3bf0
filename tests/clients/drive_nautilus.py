"""nautilus_trader's Binance adapter on a live node: `base_url_http` and `base_url_ws` are set, nothing else."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from nautilus_trader.adapters.binance import BINANCE
from nautilus_trader.adapters.binance.config import BinanceDataClientConfig, BinanceExecClientConfig
from nautilus_trader.adapters.binance.factories import BinanceLiveDataClientFactory, BinanceLiveExecClientFactory
from nautilus_trader.config import InstrumentProviderConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.trading.strategy import Strategy

from tests.clients.telling import PATIENCE_S, Told, async_until, quiet_market, told

INSTRUMENT = InstrumentId.from_str("BTCUSDT.BINANCE")
ROUNDS = 8
BETWEEN = timedelta(milliseconds=500)


class Rounds(Strategy):
    """Buys and sells in turn, some seconds long, beside an order that rests, one that is refused and a stop."""

    def __init__(self, given: Told) -> None:
        super().__init__()
        self._given = given
        self._left = 2 * ROUNDS
        self.kept: dict[str, Any] = {}

    def on_start(self) -> None:
        """All that the adapter can subscribe to of a spot market, and orders from here on."""
        self.subscribe_order_book_deltas(INSTRUMENT)
        self.subscribe_quote_ticks(INSTRUMENT)
        self.subscribe_trade_ticks(INSTRUMENT)
        self.request_trade_ticks(INSTRUMENT, start=datetime.now(UTC) - timedelta(minutes=10))
        self.kept["submit_order LIMIT"] = self._limit(64000)
        self.kept["submit_order LIMIT that stays"] = self._limit(65000)
        self.kept["submit_order LIMIT without funds"] = self._limit(49000, OrderSide.BUY, "50", TimeInForce.GTC)
        self.kept["submit_order LIMIT IOC"] = self._limit(49000, tif=TimeInForce.IOC)
        for order in self.kept.values():
            self.submit_order(order)
        self.clock.set_timer("rounds", BETWEEN, callback=self._turn)

    def _limit(self, price: int, side: Any = OrderSide.SELL, qty: str = "0.01", tif: Any = TimeInForce.GTC) -> Any:
        instrument = self.cache.instrument(INSTRUMENT)
        return self.order_factory.limit(
            INSTRUMENT, side, instrument.make_qty(Decimal(qty)), instrument.make_price(price), time_in_force=tif
        )

    def _turn(self, event: Any) -> None:
        if self._left == 0:
            return
        if self._left == ROUNDS:
            self.cancel_order(self.kept["submit_order LIMIT"])
        self._left -= 1
        side = OrderSide.BUY if self._left % 2 else OrderSide.SELL
        qty = self.cache.instrument(INSTRUMENT).make_qty(Decimal("0.01"))
        self.submit_order(self.order_factory.market(INSTRUMENT, side, qty))

    def on_quote_tick(self, tick: Any) -> None:
        """Best prices."""
        self._given.calls.setdefault("subscribe_quote_ticks", {"bid": tick.bid_price, "ask": tick.ask_price})

    def on_trade_tick(self, tick: Any) -> None:
        """A print."""
        self._given.calls.setdefault("subscribe_trade_ticks", {"price": tick.price, "size": tick.size})

    def on_historical_data(self, data: Any) -> None:
        """The trades that were requested."""
        self._given.calls.setdefault("request_trade_ticks", "answered")

    @property
    def has_ended(self) -> bool:
        """Every order but those that rest has ended, and everything was heard of."""
        wanted = {"subscribe_quote_ticks", "subscribe_trade_ticks", "request_trade_ticks"}
        resting = [order.client_order_id for order in self.cache.orders_open()]
        pending = self.cache.orders_inflight()
        stays = self.kept["submit_order LIMIT that stays"].client_order_id
        return self._left == 0 and resting == [stays] and not pending and wanted <= self._given.calls.keys()


def node_at(given: Told, loop: asyncio.AbstractEventLoop) -> TradingNode:
    """A live node of the gateway in place of Binance."""
    common = {
        "api_key": given.key,
        "api_secret": given.secret,
        "base_url_http": given.url,
        "base_url_ws": given.ws_url,
        "instrument_provider": InstrumentProviderConfig(load_all=True),
    }
    config = TradingNodeConfig(
        trader_id="TRADER-001",
        logging=LoggingConfig(log_level="WARNING", log_colors=False),
        timeout_post_stop=1.0,
        data_clients={BINANCE: BinanceDataClientConfig(**common)},
        exec_clients={BINANCE: BinanceExecClientConfig(**common)},
    )
    node = TradingNode(config=config, loop=loop)
    node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
    node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
    return node


def order_as_told(order: Any) -> dict[str, Any]:
    """An order as the node has it."""
    fills = [event for event in order.events if type(event).__name__ == "OrderFilled"]
    return {
        "status": order.status_string(),
        "orderId": order.venue_order_id and order.venue_order_id.value,
        "side": order.side_string(),
        "qty": order.quantity,
        "filled": order.filled_qty,
        "fills": [(fill.last_px, fill.last_qty, fill.commission.as_decimal()) for fill in fills],
        "reason": getattr(order.last_event, "reason", ""),
    }


def book_of(node: TradingNode) -> dict[str, dict[str, str]]:
    """The node's, by side."""
    book = node.cache.order_book(INSTRUMENT)
    sides = {"bids": book.bids(), "asks": book.asks()}
    return {name: {str(level.price): str(level.size()) for level in levels} for name, levels in sides.items()}


async def trade(given: Told, node: TradingNode, strategy: Rounds) -> None:
    """The strategy to its end, then what the node knows."""
    running = asyncio.create_task(node.run_async())
    try:
        await async_until(lambda: strategy.kept and strategy.has_ended, "every order's end")
        wanted = await asyncio.to_thread(quiet_market)
        numbers = {side: {float(price): float(qty) for price, qty in rows.items()} for side, rows in wanted.items()}

        def is_the_same() -> bool:
            found = book_of(node)
            return all({float(p): float(q) for p, q in found[side].items()} == numbers[side] for side in numbers)

        with contextlib.suppress(TimeoutError):  # the test says what differs
            await async_until(is_the_same, "the engine's book")
        given.calls["subscribe_order_book_deltas"] = {
            "updates": node.cache.book_update_count(INSTRUMENT),
            **book_of(node),
        }
        tell_orders(given, node, strategy)
    finally:
        await node.stop_async()
        await asyncio.wait_for(running, PATIENCE_S)


def tell_orders(given: Told, node: TradingNode, strategy: Rounds) -> None:
    """Instrument, orders, and balances."""
    instrument = node.cache.instrument(INSTRUMENT)
    given.calls["instrument"] = {
        "tick": instrument.price_increment,
        "lot": instrument.size_increment,
        "maker": instrument.maker_fee,
        "taker": instrument.taker_fee,
    }
    given.calls.update({name: order_as_told(order) for name, order in strategy.kept.items()})
    kept = {order.client_order_id for order in strategy.kept.values()}
    market = [order for order in node.cache.orders() if order.client_order_id not in kept]
    given.calls["submit_order MARKET"] = [order_as_told(order) for order in market]
    account = node.portfolio.account(Venue(BINANCE))
    given.calls["account"] = {
        str(currency): (balance.free.as_decimal(), balance.locked.as_decimal())
        for currency, balance in account.balances().items()
    }


def main() -> None:
    """All of it."""
    given = told()
    loop = asyncio.new_event_loop()
    node = node_at(given, loop)
    strategy = Rounds(given)
    node.trader.add_strategy(strategy)
    node.build()
    try:
        given.call("node", loop.run_until_complete, trade(given, node, strategy))
    finally:
        node.dispose()  # the loop, too
    given.tell()


main()
