"""What anybody may ask of a gateway, held against what `query` says of the same running pipeline."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.consumers.gateway.asking import Answer, Client, gateway_port, queried
from tests.pipeline import Pipeline, pipeline


def place(account: int, client_id: int, side: str, price: str, qty: str) -> dict[str, Any]:
    limit = {"type": "limit", "symbol": "BTC-USDT", "side": side, "price": price, "qty": qty}
    return {"op": "place", "account": account, "client_id": client_id, **limit}


COMMANDS = [
    *({"op": "deposit", "account": a, "asset": "USDT", "amount": "10000000", "client_id": 1} for a in (7, 8)),
    *({"op": "deposit", "account": a, "asset": "BTC", "amount": "1000", "client_id": 2} for a in (7, 8)),
    *(place(7, 10 + i, "sell", f"{50000 + i}", "0.5") for i in range(8)),
    *(place(8, 10 + i, "buy", f"{49990 - i}", "0.25") for i in range(8)),
    place(8, 30, "buy", "50001", "0.7"),
    place(7, 30, "sell", "49990", "0.1"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("market")) as made:
        made.up()
        made.report("send", *map(json.dumps, COMMANDS))
        made.settled()
        yield made


@pytest.fixture(scope="module")
def anybody(running: Pipeline) -> Client:
    return Client(gateway_port(running))


def body(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return answer.body


def test_ping_time_and_weight(anybody: Client) -> None:
    assert body(anybody.get("/api/v3/ping")) == {}
    first, second = anybody.get("/api/v3/time"), anybody.get("/api/v3/time")
    assert 0 <= second.body["serverTime"] - first.body["serverTime"] < 60_000
    used = [int(answer.headers["X-MBX-USED-WEIGHT-1M"]) for answer in (first, second)]
    assert used[1] in (used[0] + 1, 1)  # 1: a new minute has begun


def test_exchange_info_says_filters_with_the_price_first(anybody: Client) -> None:
    found = body(anybody.get("/api/v3/exchangeInfo"))
    assert [row["symbol"] for row in found["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    row = found["symbols"][0]
    assert row["filters"][0]["filterType"] == "PRICE_FILTER" and row["filters"][0]["tickSize"] == "0.01"
    kinds = {each["filterType"]: each for each in row["filters"]}
    assert kinds["LOT_SIZE"]["stepSize"] == kinds["LOT_SIZE"]["minQty"] == "0.0001"
    wanted = {"MARKET_LOT_SIZE", "ICEBERG_PARTS", "NOTIONAL", "MAX_NUM_ORDERS"}
    assert wanted <= set(kinds)
    assert (row["baseAsset"], row["quoteAsset"], row["status"]) == ("BTC", "USDT", "TRADING")
    assert row["permissions"] == ["SPOT"]
    one = body(anybody.get("/api/v3/exchangeInfo", symbol="ETHUSDT"))
    assert [row["symbol"] for row in one["symbols"]] == ["ETHUSDT"]
    some = body(anybody.get("/api/v3/exchangeInfo", symbols='["ETHUSDT","BTCUSDT"]'))
    assert [row["symbol"] for row in some["symbols"]] == ["ETHUSDT", "BTCUSDT"]


def test_depth_is_the_book_that_query_shows(running: Pipeline, anybody: Client) -> None:
    asked = queried(running, "depth", "BTC-USDT")
    found = body(anybody.get("/api/v3/depth", symbol="BTCUSDT", limit=5000))
    assert found["bids"] == asked["bids"] and found["asks"] == asked["asks"]
    assert 0 < found["lastUpdateId"] <= asked["seq"]
    best = body(anybody.get("/api/v3/depth", symbol="BTCUSDT", limit=2))
    assert best["bids"] == asked["bids"][:2] and best["asks"] == asked["asks"][:2]
    ticker = body(anybody.get("/api/v3/ticker/bookTicker", symbol="BTCUSDT"))
    assert [ticker["bidPrice"], ticker["bidQty"]] == asked["bids"][0]
    assert [ticker["askPrice"], ticker["askQty"]] == asked["asks"][0]


def test_prints_are_those_that_query_shows(running: Pipeline, anybody: Client) -> None:
    asked = queried(running, "trades", "BTC-USDT", "--last", "1000")["trades"]
    assert len(asked) == 3
    found = body(anybody.get("/api/v3/trades", symbol="BTCUSDT"))
    assert [(row["id"], row["price"], row["qty"]) for row in found] == [
        (row["seq"], row["price"], row["qty"]) for row in asked
    ]
    assert [row["isBuyerMaker"] for row in found] == [row["side"] == "sell" for row in asked]
    assert all(Decimal(row["quoteQty"]) == Decimal(row["price"]) * Decimal(row["qty"]) for row in found)
    assert body(anybody.get("/api/v3/trades", symbol="BTCUSDT", limit=1)) == found[-1:]
    later = body(anybody.get("/api/v3/historicalTrades", symbol="BTCUSDT", fromId=found[1]["id"]))
    assert later == found[1:]


def test_aggregates_by_id_and_by_time(anybody: Client) -> None:
    prints = body(anybody.get("/api/v3/trades", symbol="BTCUSDT"))
    every = body(anybody.get("/api/v3/aggTrades", symbol="BTCUSDT"))
    assert [(row["a"], row["p"], row["q"], row["T"], row["m"]) for row in every] == [
        (row["id"], row["price"], row["qty"], row["time"], row["isBuyerMaker"]) for row in prints
    ]
    assert body(anybody.get("/api/v3/aggTrades", symbol="BTCUSDT", fromId=every[1]["a"], limit=1)) == every[1:2]
    since, until = every[0]["T"], every[-1]["T"]
    assert body(anybody.get("/api/v3/aggTrades", symbol="BTCUSDT", startTime=since, endTime=until)) == every
    assert body(anybody.get("/api/v3/aggTrades", symbol="BTCUSDT", startTime=until + 1)) == []
    assert body(anybody.get("/api/v3/aggTrades", symbol="BTCUSDT", endTime=since - 1)) == []
    assert anybody.get("/api/v3/aggTrades", symbol="BTCUSDT", fromId=1, startTime=1).code == -1128


@pytest.mark.parametrize("interval", ["1m", "3m", "1d", "1w", "1M"])
def test_candles_of_each_length_hold_every_print(anybody: Client, interval: str) -> None:
    prints = body(anybody.get("/api/v3/trades", symbol="BTCUSDT"))
    found = body(anybody.get("/api/v3/klines", symbol="BTCUSDT", interval=interval))
    assert sum(row[8] for row in found) == len(prints)
    assert sum(Decimal(row[5]) for row in found) == sum(Decimal(row["qty"]) for row in prints)
    assert sum(Decimal(row[7]) for row in found) == sum(Decimal(row["quoteQty"]) for row in prints)
    assert found[0][1] == prints[0]["price"] and found[-1][4] == prints[-1]["price"]
    assert all(row[0] < row[6] for row in found)
    assert all(earlier[6] + 1 == later[0] for earlier, later in zip(found, found[1:], strict=False))
    assert body(anybody.get("/api/v3/klines", symbol="BTCUSDT", interval=interval, startTime=0)) == found
    assert body(anybody.get("/api/v3/klines", symbol="BTCUSDT", interval=interval, endTime=found[0][0] - 1)) == []
    assert body(anybody.get("/api/v3/uiKlines", symbol="BTCUSDT", interval=interval)) == found


def test_tickers_are_those_that_query_shows(running: Pipeline, anybody: Client) -> None:
    asked = queried(running, "ticker", "BTC-USDT")
    full = body(anybody.get("/api/v3/ticker/24hr", symbol="BTCUSDT"))
    prints = body(anybody.get("/api/v3/trades", symbol="BTCUSDT"))
    for theirs, ours in (
        ("lastPrice", "last"), ("openPrice", "open"), ("highPrice", "high"), ("lowPrice", "low"),
        ("volume", "volume"), ("quoteVolume", "quote_volume"), ("count", "trades"),
    ):  # fmt: skip
        assert full[theirs] == asked[ours], theirs
    assert (full["firstId"], full["lastId"]) == (prints[0]["id"], prints[-1]["id"])
    assert Decimal(full["priceChange"]) == Decimal(asked["last"]) - Decimal(asked["open"])
    average = Decimal(asked["quote_volume"]) / Decimal(asked["volume"])
    assert abs(Decimal(full["weightedAvgPrice"]) - average) < Decimal("0.00000001")
    mini = body(anybody.get("/api/v3/ticker/24hr", type="MINI"))
    assert [row["symbol"] for row in mini] == ["BTCUSDT", "ETHUSDT"]
    assert mini[0].items() <= full.items()
    assert mini[1]["count"] == 0 and Decimal(mini[1]["lastPrice"]) == 0
    window = body(anybody.get("/api/v3/ticker", symbol="BTCUSDT", windowSize="2h"))
    same = ("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "count", "firstId")
    assert {key: window[key] for key in same} == {key: full[key] for key in same}
    assert body(anybody.get("/api/v3/ticker/price", symbol="BTCUSDT")) == {"symbol": "BTCUSDT", "price": asked["last"]}
    assert Decimal(body(anybody.get("/api/v3/avgPrice", symbol="BTCUSDT"))["price"]) == Decimal(
        full["weightedAvgPrice"]
    )


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/api/v3/depth", {}, -1102),
        ("/api/v3/depth", {"symbol": ""}, -1105),
        ("/api/v3/depth", {"symbol": "BTC/USDT"}, -1100),
        ("/api/v3/depth", {"symbol": "BTC-USDT"}, -1121),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": "many"}, -1100),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": 0}, -1130),
        ("/api/v3/klines", {"symbol": "BTCUSDT"}, -1102),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("/api/v3/ticker", {"symbol": "BTCUSDT", "windowSize": "60m"}, -1130),
        ("/api/v3/ticker/price", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
        ("/api/v3/ticker/price", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1121),
        ("/api/v3/ticker/price", {"symbols": "[BTCUSDT]"}, -1130),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(anybody: Client, path: str, params: dict[str, Any], code: int) -> None:
    answer = anybody.get(path, **params)
    assert (answer.status, answer.code) == (400, code), answer.body


def test_a_parameter_twice_is_refused_and_a_path_of_nobody_is_not_found(anybody: Client) -> None:
    assert anybody.ask("GET", "/api/v3/depth", "symbol=BTCUSDT&symbol=ETHUSDT").code == -1101
    assert anybody.get("/api/v3/nothing").status == 404


def test_a_symbol_that_is_listed_later_is_there_at_once(running: Pipeline, anybody: Client) -> None:
    listing = {
        "op": "list_instrument", "symbol": "ETH-BTC", "base": "ETH", "quote": "BTC", "tick_size": "0.00001",
        "lot_size": "0.001", "price_min": "0.00001", "price_max": "10", "maker_fee_ppm": 0, "taker_fee_ppm": 0,
    }  # fmt: skip
    order = place(7, 50, "buy", "0.05", "2") | {"symbol": "ETH-BTC"}
    running.report("send", json.dumps(listing), json.dumps(order))
    running.settled()
    found = body(anybody.get("/api/v3/depth", symbol="ETHBTC"))
    assert found["bids"] == [["0.05000", "2.000"]] and found["asks"] == []
