"""How much of everything one history holds, under the names that the real engine gives its tables."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableLimits:
    """Orders and levels hold one less than their number: place 0 is not used."""

    max_events: int = 16_384  # that a taker may reach, less three
    max_orders: int = 4096
    max_levels: int = 4096  # prices, of all symbols and sides together
    max_account_orders: int = 4000
    max_accounts: int = 4096
    max_symbol_trailing: int = 1000
    max_account_trailing: int = 500  # of one symbol
    max_instruments: int = 64
    max_assets: int = 64


ROOMY = TableLimits()
# Most of what is refused here is refused with book_full.
TIGHT = TableLimits(
    max_orders=20, max_levels=13, max_account_orders=7, max_symbol_trailing=3, max_account_trailing=2, max_accounts=8,
    max_instruments=6, max_assets=5
)  # fmt: skip
# Three steps and a taker has said all. (Suspensions end every order all the same.)
FEW_EVENTS = TableLimits(max_events=7, max_account_orders=6)
