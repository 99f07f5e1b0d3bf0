"""What is beyond limit and market orders, by name, so that a suite can leave out what an engine does not have yet."""

# In stages: each needs what comes before it.
ORDERS = frozenset({"stop", "take_profit", "iceberg", "gtd", "collar", "min_qty", "mass_side"})
PAIRS = frozenset({"trailing", "oco", "replace"})
STATES = frozenset({"states", "band", "auction"})
CHANGES = frozenset({"group", "change", "delist", "disconnect"})
ALL = ORDERS | PAIRS | STATES | CHANGES
