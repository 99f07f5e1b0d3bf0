"""Request weight and order counts: refused over the limit, banned for going on, let in again by the clock."""

from config.settings import GatewaySettings
from consumers.gateway.errors import ApiError
from consumers.gateway.limits import BAN_AT, FIRST_BAN_S, MINUTE_S, RateLimits

LIMIT = 100
NOON = 1_700_000_000 // MINUTE_S * MINUTE_S


def limits() -> RateLimits:
    return RateLimits(GatewaySettings(weight_per_minute=LIMIT, orders_per_10s=3, orders_per_day=5))


def outcome(ask: object, *arguments: object) -> ApiError | object:
    try:
        return ask(*arguments)  # type: ignore[operator]
    except ApiError as error:
        return error


def test_an_address_is_refused_over_its_weight_and_let_in_with_the_next_minute() -> None:
    made = limits()
    assert made.spend("a", 60, NOON) == 60
    assert made.spend("b", LIMIT, NOON) == LIMIT
    refused = outcome(made.spend, "a", 60, NOON + 50)
    assert isinstance(refused, ApiError) and (refused.code, refused.status) == (-1003, 429)
    assert made.retry_after_s("a", refused, NOON + 50) == 10
    assert made.spend("a", 60, NOON + MINUTE_S) == 60


def test_who_goes_on_is_banned_for_longer_each_time() -> None:
    made, now = limits(), float(NOON)
    for expected_s in (FIRST_BAN_S, 2 * FIRST_BAN_S, 4 * FIRST_BAN_S):
        for _ in range(BAN_AT):
            outcome(made.spend, "a", LIMIT, now)
        refused = outcome(made.spend, "a", 1, now)
        assert isinstance(refused, ApiError) and refused.status == 418
        assert made.retry_after_s("a", refused, now) == expected_s
        assert made.spend("b", 0, now) == 0
        assert isinstance(outcome(made.spend, "a", 1, now + expected_s - 1), ApiError)
        now += expected_s
        assert isinstance(outcome(made.spend, "a", 1, now), int), "it is over"
        now += MINUTE_S


def test_orders_are_counted_by_account_in_ten_seconds_and_a_day() -> None:
    made = limits()
    assert [made.order(7, 1, NOON) for _ in range(3)] == [(1, 1), (2, 2), (3, 3)]
    assert made.order(8, 1, NOON) == (1, 1)
    refused = outcome(made.order, 7, 1, NOON + 9)
    assert isinstance(refused, ApiError) and (refused.code, refused.status) == (-1015, 429)
    assert made.retry_after_s("a", refused, NOON + 9) == 1
    assert made.order(7, 0, NOON + 9) == (4, 4)  # only looked at
    assert made.order(7, 1, NOON + 10) == (1, 5)
    refused = outcome(made.order, 7, 1, NOON + 11)
    assert isinstance(refused, ApiError) and "1 DAY" in str(refused)
