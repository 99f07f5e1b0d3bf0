"""What happens to an account, as Binance's user data stream tells it.

Orders: executionReport, one an event. Balances: outboundAccountPosition, once a command that changed them. Deposits and
withdrawals: balanceUpdate. Lists: listStatus, when both orders stand and when neither is open any more.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from consumers.gateway.accounts import Account
from consumers.gateway.names import LISTS
from consumers.gateway.order import Order
from consumers.gateway.shown import SIDES, fee_asset, fee_text, list_id, list_order_json, stp_word, tif_word, type_word
from consumers.gateway.tickers import MS
from ringbuf.codes import FLAG_AUCTION, NO_ID, EventType, Reason

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

_ACCEPTED, _TRADE, _CANCELLED = int(EventType.ACCEPTED), int(EventType.TRADE), int(EventType.CANCELLED)
_AMENDED, _DEPOSITED = int(EventType.AMENDED), int(EventType.DEPOSITED)
_TRAILED, _SELF_TRADE = int(Reason.TRAILED), int(Reason.SELF_TRADE)
NO_TRADE = -1


class UserData:
    """A listener (see accounts.Listener) that gives each message, a JSON object, to `send`."""

    def __init__(self, gateway: "Gateway", send: Callable[[dict[str, Any]], None]) -> None:
        self._gateway = gateway
        self._send = send

    def on_order(self, account: Account, order: Order, row: Any, as_maker: bool) -> None:
        """See accounts.Listener."""
        if row.type == _AMENDED and row.reason == _TRAILED:
            return  # it only follows the market, as it was told to
        self._send(self._report(account, order, row, as_maker))
        if not order.pair_order_id:
            return
        partner = account.partner_of(order)
        if row.type == _ACCEPTED or not (order.is_open or (partner is not None and partner.is_open)):
            self._send(self._list(account, order, partner, row))

    def on_transfer(self, account: Account, row: Any) -> None:
        """See accounts.Listener."""
        asset = self._gateway.stream.catalog.assets[row.symbol]
        amount = row.qty_lots if row.type == _DEPOSITED else -row.qty_lots
        self._send(
            {
                "e": "balanceUpdate",
                "E": self._gateway.now_ms(),
                "a": asset.name,
                "d": asset.scale.text(amount),
                "T": row.ts_ns // MS,
            }
        )

    def on_balances(self, account: Account, assets: list[int], ts_ns: int, seq: int) -> None:
        """See accounts.Listener."""
        listed = self._gateway.stream.catalog.assets
        held = [(listed[each], account.balances[each]) for each in sorted(assets)]
        self._send(
            {
                "e": "outboundAccountPosition",
                "E": self._gateway.now_ms(),
                "u": ts_ns // MS,
                "B": [
                    {"a": asset.name, "f": asset.scale.text(available), "l": asset.scale.text(frozen)}
                    for asset, (available, frozen) in held
                ],
            }
        )

    def _report(self, account: Account, order: Order, row: Any, as_maker: bool) -> dict[str, Any]:
        gateway = self._gateway
        instrument = gateway.stream.catalog.instruments[order.symbol]
        price, qty, quote = instrument.price_text, instrument.qty_text, instrument.quote_text
        own = gateway.names.name(account.number, order.client_id)
        is_cancel = row.type == _CANCELLED and order.word == "CANCELED"
        is_trade = row.type == _TRADE
        lots, ticks = (row.qty_lots, row.price_ticks) if is_trade else (0, 0)
        fee = (row.maker_fee if as_maker else row.fee) if is_trade else 0
        report: dict[str, Any] = {
            "e": "executionReport",
            "E": gateway.now_ms(),
            "s": gateway.symbols.name(order.symbol),
            "c": account.request_name(row.request_id) or own if is_cancel and row.request_id != NO_ID else own,
            "S": SIDES[order.side],
            "o": type_word(order),
            "f": tif_word(order),
            "q": qty(order.qty_lots),
            "p": price(order.price_ticks),
            "P": price(order.stop_price_ticks),
            "F": qty(order.display_lots),
            "g": list_id(order),
            "C": own if is_cancel else "",
            "x": _execution(order, row),
            "X": order.word,
            "r": "NONE",
            "i": order.order_id,
            "l": qty(lots),
            "z": qty(order.filled_lots),
            "L": price(ticks),
            "n": fee_text(instrument, order.side, fee) if is_trade else "0",
            "N": fee_asset(instrument, order.side) if is_trade else None,
            "T": row.ts_ns // MS,
            "t": row.seq if is_trade else NO_TRADE,
            "I": row.seq,
            "w": order.is_working and order.is_open,
            "m": is_trade and (as_maker or bool(row.flags & FLAG_AUCTION)),
            "M": is_trade,
            "O": order.accepted_ts_ns // MS,
            "Z": quote(order.quote),
            "Y": quote(lots * ticks * instrument.tick_lot_quote_units),
            "Q": quote(0),
            "V": stp_word(order),
        }
        if order.is_working:
            report["W"] = order.accepted_ts_ns // MS
        return report

    def _list(self, account: Account, order: Order, partner: Order | None, row: Any) -> dict[str, Any]:
        gateway = self._gateway
        orders = sorted([order, *([partner] if partner is not None else [])], key=lambda each: each.order_id)
        is_open = any(each.is_open for each in orders)
        return {
            "e": "listStatus",
            "E": gateway.now_ms(),
            "s": gateway.symbols.name(order.symbol),
            "g": list_id(order),
            "c": "OCO",
            "l": "EXEC_STARTED" if is_open else "ALL_DONE",
            "L": "EXECUTING" if is_open else "ALL_DONE",
            "r": "NONE",
            "C": gateway.names.name(account.number, orders[0].client_id, LISTS),
            "T": row.ts_ns // MS,
            "O": [
                {"s": each["symbol"], "i": each["orderId"], "c": each["clientOrderId"]}
                for each in (list_order_json(gateway, one) for one in orders)
            ],
        }


def _execution(order: Order, row: Any) -> str:
    """The execution type of an event about an order."""
    if row.type == _TRADE:
        return "TRADE"
    if row.type in (_CANCELLED, _AMENDED) and row.reason == _SELF_TRADE:
        return "TRADE_PREVENTION"
    if row.type == _CANCELLED:
        return "CANCELED" if order.word == "CANCELED" else "EXPIRED"
    return "REPLACED" if row.type == _AMENDED else "NEW"
