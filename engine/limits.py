"""Table sizes of a configuration: the same for the engine and for whoever applies its events."""

from config.settings import EngineSettings
from engine.state import Limits

NODES_PER_LEVEL = 8  # more than isolated prices take, so levels are what runs out


def limits_of(settings: EngineSettings) -> Limits:
    """The engine's limits, as they are configured."""
    return Limits(
        max_orders=settings.max_orders,
        max_levels=settings.max_levels,
        max_nodes=NODES_PER_LEVEL * settings.max_levels,
        max_accounts=settings.max_accounts,
        max_balances=settings.max_balances,
        max_instruments=settings.max_instruments,
        max_assets=settings.max_assets,
        max_events=settings.max_events,
        max_account_orders=settings.max_account_orders,
    )
