"""Figures that no command here measures, and that are marked so wherever they stand: the public benchmark's own.

RATINGS: its run of engines on one machine (Graviton4), worst of five scenarios, M messages/s. Of use for their
ratio to CppTrader, which is the one of them that most people know. CPPTRADER_HERE: the same benchmark's harness with
CppTrader on a 2-core virtual machine of the kind that docs/performance.md was measured on.
"""

CPPTRADER = "CppTrader (C++)"
RATINGS = {
    "FlashOne (patented, its publisher's own)": 33.2,
    "weekend-orderbook (C)": 8.2,
    "geseq/cpp-orderbook (C++)": 7.9,
    "melin (Rust)": 7.9,
    CPPTRADER: 7.3,
    "exchange-core (Java)": 1.4,
    "pyob (the best from Python)": 0.30,
}
CPPTRADER_HERE = {"messages_per_s": 4_600_000, "lowest": 2_700_000, "highest": 7_900_000}


def ratios() -> dict[str, float]:
    """RATINGS as multiples of CppTrader's."""
    return {name: round(rating / RATINGS[CPPTRADER], 2) for name, rating in RATINGS.items()}
