"""What an order would take, counted before it is accepted: for fok, least quantities, and the funds of a market buy.

Of one price first come the slices that stand there, in their order, then what icebergs hide; an own order that stops
the taker therefore stands before everything hidden at its price. Where a trade would halt the symbol the walk ends;
what self-trade prevention does there is no trade. The order in slot `without` (0 = none) counts as not there.

Every walk ends where the events that one command may emit are used up: what could not be traded anyway is not counted,
and nobody can have the engine walk over more orders than it would trade with.
"""

from engine.bands import band_round
from engine.book import shown_lots
from engine.levels import next_level
from engine.matching import CANCEL_MAKER, NONE, SPARE_EVENTS, crosses
from engine.state import ICEBERG, PAIRED, instrument_at, level_at, order_at, side_at, terms_at
from ringbuf.codes import HAS_MIN, Reason, Side, Stp, Tif
from ringbuf.jit import outline

BUY, FOK = int(Side.BUY), int(Tif.FOK)
FOK_UNFILLED, MIN_QTY_UNFILLED = int(Reason.FOK_UNFILLED), int(Reason.MIN_QTY_UNFILLED)
ACCEPTABLE = int(Reason.NONE)
DECREMENT = int(Stp.DECREMENT)


@outline
def _slices_hidden(state, level, account, mode, most, without):
    """Trades that it takes to have all that a level's icebergs hide; no more than `most`."""
    slices = 0
    slot = level_at(state, level).head * 1
    while slot != 0:
        order = order_at(state, slot)
        if slot != without and order.stp_flags & ICEBERG != 0 and (mode == NONE or order.account != account):
            display = terms_at(state, slot).display_lots
            slices += (order.leaves_lots - shown_lots(state, slot) - 1) // display + 1
            if slices > most:
                return most
        slot = order.next * 1
    return slices


@outline
def could_fill(state, symbol, side, limit_ticks, qty_lots, account, mode, without):
    """Could so much be taken at once, by one command? Own orders count as the taker's self-trade mode treats them."""
    missing = qty_lots
    room = state.max_events - 2 * SPARE_EVENTS
    best = side_at(state, symbol, 1 - side).best
    lowest, highest = -1, -1
    while best != 0:
        price = level_at(state, best).price_ticks
        if not crosses(side, limit_ticks, price):
            return False
        hidden = 0
        slot = level_at(state, best).head * 1
        while slot != 0:
            order = order_at(state, slot)
            if slot == without:
                slot = order.next * 1
                continue
            room -= 1 if order.stp_flags & PAIRED == 0 else 2
            if room < 0:
                return False
            if mode == NONE or order.account != account:
                if highest < 0:
                    lowest, highest = band_round(state, symbol, price)
                if price < lowest or price > highest:
                    return False
                shown = shown_lots(state, slot)
                missing -= shown
                hidden += order.leaves_lots - shown
                if missing <= 0:
                    return True
            elif mode != CANCEL_MAKER:
                return False
            slot = order.next * 1
        if hidden != 0:
            room -= _slices_hidden(state, best, account, mode, missing, without)
            if room < 0:
                return False
            missing -= hidden
            if missing <= 0:
                return True
        best = next_level(state, 1 - side, best)
    return False


@outline
def fill_reason(state, command, account, limit, old):
    """Can fok or a least quantity be met? Asked last: only who has the funds may have the book walked over."""
    symbol = command.symbol * 1
    side = command.side * 1
    mode = command.stp * 1
    if command.tif == FOK and not could_fill(state, symbol, side, limit, command.qty_lots, account, mode, old):
        return FOK_UNFILLED
    if command.mask & HAS_MIN != 0 and not could_fill(state, symbol, side, limit, command.min_lots, account, mode, old):
        return MIN_QTY_UNFILLED
    return ACCEPTABLE


@outline
def walk_cost(state, symbol, limit_ticks, qty_lots, account, mode, funds, without):
    """Quote minor units that a market buy of this quantity costs; -1 where funds do not cover it."""
    unit = instrument_at(state, symbol).tick_lot_quote_units
    missing = qty_lots
    cost = 0
    room = state.max_events
    best = side_at(state, symbol, 1).best
    lowest, highest = -1, -1
    while best != 0 and room > 0 and crosses(BUY, limit_ticks, level_at(state, best).price_ticks):
        price = level_at(state, best).price_ticks
        lot_cost = price * unit
        hidden = 0
        slot = level_at(state, best).head * 1
        while slot != 0 and room > 0:
            order = order_at(state, slot)
            if slot == without:
                slot = order.next * 1
                continue
            room -= 1
            is_own = mode != NONE and order.account == account
            if is_own and mode != DECREMENT and mode != CANCEL_MAKER:
                return cost
            lots = shown_lots(state, slot)
            if not is_own:
                if highest < 0:
                    lowest, highest = band_round(state, symbol, price)
                if price < lowest or price > highest:
                    return cost
                hidden += order.leaves_lots - lots
            elif mode == DECREMENT:
                lots = order.leaves_lots  # hidden counts
            else:
                lots = 0
            if missing < lots:
                lots = missing
            if not is_own:
                if lots > (funds - cost) // lot_cost:
                    return -1
                cost += lots * lot_cost
            missing -= lots
            if missing == 0:
                return cost
            slot = order.next * 1
        if missing < hidden:
            hidden = missing
        if hidden > (funds - cost) // lot_cost:
            return -1
        cost += hidden * lot_cost
        missing -= hidden
        if missing == 0:
            return cost
        best = next_level(state, 1, best)
    return cost


@outline
def budget_walk(state, symbol, limit_ticks, budget, account, mode, funds, without):
    """What a quote budget buys: (lots, cost, 1 where an own order stopped it).

    It ends early once it costs more than the funds.
    """
    unit = instrument_at(state, symbol).tick_lot_quote_units
    rest = budget
    lots = 0
    room = state.max_events
    best = side_at(state, symbol, 1).best
    lowest, highest = -1, -1
    while best != 0 and room > 0 and crosses(BUY, limit_ticks, level_at(state, best).price_ticks):
        price = level_at(state, best).price_ticks
        lot_cost = price * unit
        hidden = 0
        if rest < lot_cost:
            break
        slot = level_at(state, best).head * 1
        while slot != 0 and room > 0 and rest >= lot_cost:
            order = order_at(state, slot)
            if slot == without:
                slot = order.next * 1
                continue
            room -= 1
            if mode == NONE or order.account != account:
                if highest < 0:
                    lowest, highest = band_round(state, symbol, price)
                if price < lowest or price > highest:
                    return lots, budget - rest, 0
                take = rest // lot_cost
                shown = shown_lots(state, slot)
                hidden += order.leaves_lots - shown
                if shown < take:
                    take = shown
                lots += take
                rest -= take * lot_cost
            elif mode != CANCEL_MAKER:
                return lots, budget - rest, 1
            slot = order.next * 1
        take = rest // lot_cost
        if hidden < take:
            take = hidden
        lots += take
        rest -= take * lot_cost
        if budget - rest > funds:
            break
        best = next_level(state, 1, best)
    return lots, budget - rest, 0
