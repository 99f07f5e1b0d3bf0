"""What an order would take, counted before it is accepted: for fok, and for the funds of a market buy."""

from engine.levels import next_level
from engine.matching import CANCEL_MAKER, NONE, crosses
from engine.state import instrument_at, level_at, order_at, side_at
from ringbuf.codes import Side, Stp
from ringbuf.jit import outline

BUY = int(Side.BUY)
DECREMENT = int(Stp.DECREMENT)


@outline
def could_fill(state, symbol, side, is_market, limit_ticks, qty_lots, account, mode):
    """Can a fok take all of its quantity? Own orders count as its self-trade mode treats them."""
    missing = qty_lots
    best = side_at(state, symbol, 1 - side).best
    while best != 0:
        level = level_at(state, best)
        if not is_market and not crosses(side, limit_ticks, level.price_ticks):
            return False
        slot = level.head * 1
        while slot != 0:
            order = order_at(state, slot)
            if mode == NONE or order.account != account:
                missing -= order.leaves_lots
                if missing <= 0:
                    return True
            elif mode != CANCEL_MAKER:
                return False
            slot = order.next * 1
        best = next_level(state, 1 - side, best)
    return False


@outline
def walk_cost(state, symbol, qty_lots, account, mode, funds):
    """Quote minor units that a market buy of this quantity costs; -1 where funds do not cover it."""
    unit = instrument_at(state, symbol).tick_lot_quote_units
    missing = qty_lots
    cost = 0
    best = side_at(state, symbol, 1).best
    while best != 0:
        level = level_at(state, best)
        lot_cost = level.price_ticks * unit
        slot = level.head * 1
        while slot != 0:
            order = order_at(state, slot)
            lots = order.leaves_lots
            if missing < lots:
                lots = missing
            if mode == NONE or order.account != account:
                if lots > (funds - cost) // lot_cost:
                    return -1
                cost += lots * lot_cost
                missing -= lots
            elif mode == DECREMENT:
                missing -= lots
            elif mode != CANCEL_MAKER:
                return cost
            if missing == 0:
                return cost
            slot = order.next * 1
        best = next_level(state, 1, best)
    return cost


@outline
def budget_walk(state, symbol, budget, account, mode):
    """What a quote budget buys: (lots, cost, 1 where an own order stopped it)."""
    unit = instrument_at(state, symbol).tick_lot_quote_units
    rest = budget
    lots = 0
    best = side_at(state, symbol, 1).best
    while best != 0:
        level = level_at(state, best)
        lot_cost = level.price_ticks * unit
        if rest < lot_cost:
            break
        slot = level.head * 1
        while slot != 0 and rest >= lot_cost:
            order = order_at(state, slot)
            if mode == NONE or order.account != account:
                take = rest // lot_cost
                if order.leaves_lots < take:
                    take = order.leaves_lots
                lots += take
                rest -= take * lot_cost
            elif mode != CANCEL_MAKER:
                return lots, budget - rest, 1
            slot = order.next * 1
        best = next_level(state, 1, best)
    return lots, budget - rest, 0
