"""Prices that trades may have: the volatility band round a symbol's reference price, the collar of a market order."""

from engine.levels import best_level
from engine.memory import LARGEST
from engine.state import instrument_at, level_at
from ringbuf.codes import Side
from ringbuf.jit import inline, outline

BUY, SELL = int(Side.BUY), int(Side.SELL)


@inline
def fee_of(amount, ppm):
    """Floor of amount x ppm / 10**6 without leaving 63 bits."""
    return amount // 1_000_000 * ppm + amount % 1_000_000 * ppm // 1_000_000


@outline
def band_edge(price_ticks, ppm, side):
    """price x (1 + ppm / 10**6) rounded down for a buy, x (1 - ppm / 10**6) rounded up for a sell, within 63 bits."""
    if side != BUY:
        return price_ticks - fee_of(price_ticks, ppm) if ppm < 1_000_000 else 0
    if price_ticks // 1_000_000 >= (LARGEST - price_ticks) // (ppm + 1):
        return LARGEST
    return price_ticks + fee_of(price_ticks, ppm)


@outline
def market_limit(state, symbol, side, without):
    """The price beyond which a market order that enters now takes nothing (its collar).

    The order in slot `without` (0 = none) counts as not there.
    """
    ppm = instrument_at(state, symbol).market_collar_ppm * 1
    best = best_level(state, symbol, 1 - side, without)
    if ppm == 0 or best == 0:
        return LARGEST if side == BUY else 0
    return band_edge(level_at(state, best).price_ticks, ppm, side)


@outline
def band_round(state, symbol, first_print_ticks):
    """(lowest, highest) price of trades, were this the symbol's next print: the reference where there is none."""
    instrument = instrument_at(state, symbol)
    if instrument.band_ppm == 0 or instrument.reference_ticks != 0:
        return instrument.band_low, instrument.band_high
    return band_edge(first_print_ticks, instrument.band_ppm, SELL), band_edge(
        first_print_ticks, instrument.band_ppm, BUY
    )


@outline
def set_band(state, symbol, reference_ticks, band_ppm):
    """From now on this is the reference price (0 = none), and trades keep within the band (0 = none) round it."""
    instrument = instrument_at(state, symbol)
    instrument.reference_ticks = reference_ticks
    instrument.band_ppm = band_ppm
    instrument.band_low = 0
    instrument.band_high = LARGEST
    if reference_ticks != 0 and band_ppm != 0:
        instrument.band_low = band_edge(reference_ticks, band_ppm, SELL)
        instrument.band_high = band_edge(reference_ticks, band_ppm, BUY)
