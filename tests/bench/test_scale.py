"""The simulation of shards: where it must agree with arithmetic, and that it is the same each time."""

from bench.scale_model import Costs, Market, simulate, transfers_per_1000

COSTS = Costs(shard_ns=5_000, slowest="entry", entry_ns=10_000, feed_ns=3_000, engine_ns=300, transfer_ns=50_000)


def test_one_engine_gives_what_its_slowest_stage_gives() -> None:
    assert simulate(COSTS, Market(100, 1000, 1), 5_000, 8, 16, 1, fronts=0) == COSTS.capacity_per_s(1.0) == 200_000


def test_with_symbols_all_alike_engines_add_up_nearly() -> None:
    market = Market(1_000, 0, 8)
    found = simulate(COSTS, market, 40_000, 64, 256, 1, fronts=0)
    assert 0.85 * 8 * 200_000 < found <= 8 * 200_000 * 1.001


def test_the_hottest_symbol_bounds_any_number_of_engines() -> None:
    shares = [Market(1_000, 1200, engines).hot_share for engines in (1, 8, 100)]
    assert shares == sorted(shares, reverse=True)
    found = simulate(COSTS, Market(1_000, 1200, 100), 40_000, 64, 256, 1, fronts=0)
    assert found <= COSTS.capacity_per_s(shares[-1]) * 1.05


def test_one_entry_bounds_all_engines_behind_it() -> None:
    assert simulate(COSTS, Market(1_000, 0, 8), 20_000, 64, 256, 1, fronts=1) <= 100_000


def test_one_engine_needs_no_transfers_and_more_engines_need_more() -> None:
    found = [transfers_per_1000(Market(1_000, 1000, engines), 100, 20_000, 1) for engines in (1, 4, 32)]
    assert found[0] == 0 and found == sorted(found)


def test_the_same_seed_gives_the_same() -> None:
    market = Market(1_000, 800, 16)
    assert len({simulate(COSTS, market, 5_000, 8, 16, 3, fronts=1) for _ in range(2)}) == 1
    assert len({transfers_per_1000(market, 50, 5_000, 3) for _ in range(2)}) == 1
