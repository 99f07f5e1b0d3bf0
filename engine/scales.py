"""Ticks and lots as decimals: step x 10**-decimals, from the integers of a listing."""

from ringbuf.jit import outline

ROOM = (1 << 63) // 10


@outline
def tick_scale(units, lot, base_decimals, quote_decimals):
    """(step, decimals) of a tick = units x 10**base_decimals / (lot x 10**quote_decimals), in lowest terms.

    `units`: quote minor units of one tick x one lot; `lot`: base minor units of one lot; both above 0. (0, 0) where
    that is no finite decimal or its step is beyond 63 bits.
    """
    divisor, rest = units, lot
    while rest != 0:
        divisor, rest = rest, divisor % rest
    step = units // divisor
    lot = lot // divisor
    decimals = quote_decimals - base_decimals
    while lot > 1:
        if step > ROOM:
            return 0, 0
        if lot % 10 == 0:
            lot = lot // 10
        elif lot % 5 == 0:
            lot = lot // 5
            step = step * 2
        elif lot % 2 == 0:
            lot = lot // 2
            step = step * 5
        else:
            return 0, 0
        decimals += 1
    while decimals < 0:
        if step > ROOM:
            return 0, 0
        step = step * 10
        decimals += 1
    while decimals > 0 and step % 10 == 0:
        step = step // 10
        decimals -= 1
    return step, decimals


@outline
def lot_scale(lot, base_decimals):
    """(step, decimals) of a lot of so many base minor units, in lowest terms."""
    step = lot
    decimals = base_decimals
    while decimals > 0 and step % 10 == 0:
        step = step // 10
        decimals -= 1
    return step, decimals
