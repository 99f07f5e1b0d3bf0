"""Market streams of a running pipeline, held against what REST answers of the same gateway while orders flow."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.consumers.gateway.asking import Client, gateway_port
from tests.consumers.gateway.flow import Flow
from tests.consumers.gateway.sockets import Talk, run, talk
from tests.pipeline import Pipeline, eventually, pipeline

SEED = 20_261_128
PRINTS = 20_000  # of some 130 bytes each: a third more than a connection and the kernel hold
LEVELS = 30_000  # of some 25 bytes each: more than a connection holds
Sides = list[dict[str, str]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    limits = "[gateway]\nweight_per_minute = 1000000\nconnections_per_5m = 100000\n"
    with pipeline(tmp_path_factory.mktemp("streams"), config=limits, web=True) as made:
        made.up()
        yield made


@pytest.fixture(scope="module")
def flow(running: Pipeline) -> Iterator[Flow]:
    print("seed", SEED)
    made = Flow(running, SEED)
    made.fund()
    made.orders(2000)
    yield made
    made.close()


@pytest.fixture(scope="module")
def port(running: Pipeline) -> int:
    return gateway_port(running)


@pytest.fixture(scope="module")
def anybody(port: int) -> Client:
    return Client(port)


def snapshot(anybody: Client, limit: int = 5000) -> Any:
    answer = anybody.get("/api/v3/depth", symbol="BTCUSDT", limit=limit)
    assert answer.status == 200, answer
    return answer.body


def settled(flow: Flow, anybody: Client) -> Any:
    """The book once the gateway has been told of all that was sent, and every store has it."""
    price = flow.mark()
    flow.running.settled()
    return eventually(lambda: holds(snapshot(anybody), price), "the last order is in the book")


def holds(book: Any, price: str) -> Any:
    return book if any(level[0] == price for level in book["bids"]) else None


def apply(sides: Sides, update: dict[str, Any]) -> None:
    for side, levels in zip(sides, (update["b"], update["a"]), strict=True):
        for price, qty in levels:
            if Decimal(qty):
                side[price] = qty
            else:
                side.pop(price, None)


def folded(start: Any, updates: list[dict[str, Any]]) -> tuple[Sides, int]:
    """A local book as Binance says to keep one: from a snapshot and the buffered updates; and its last id."""
    sides, last = [dict(start["bids"]), dict(start["asks"])], start["lastUpdateId"]
    for update in updates:
        if update["u"] <= last:
            continue
        assert update["U"] <= last + 1, f"a gap between {last} and {update['U']}"
        apply(sides, update)
        last = update["u"]
    return sides, last


def chained(updates: list[dict[str, Any]]) -> bool:
    return all(after["U"] == before["u"] + 1 for before, after in zip(updates, updates[1:], strict=False))


async def caught_up(one: Talk, anybody: Client, flow: Flow) -> Any:
    """Read until the stream has told all that was sent; what REST answers then."""
    now = await asyncio.to_thread(settled, flow, anybody)
    await one.until(lambda: one.messages and one.messages[-1]["u"] >= now["lastUpdateId"], "the book's last change")
    return now


@pytest.mark.parametrize("speed", ["@100ms", ""])
def test_a_local_book_is_the_one_that_rest_shows(port: int, anybody: Client, flow: Flow, speed: str) -> None:
    async def main() -> None:
        async with talk(port, f"/ws/btcusdt@depth{speed}") as one:
            acting = asyncio.create_task(asyncio.to_thread(flow.orders, 6000))
            await one.until(lambda: one.messages, "a first update")
            start = await asyncio.to_thread(snapshot, anybody)
            assert start["lastUpdateId"] >= one.messages[0]["U"]
            await acting
            now = await caught_up(one, anybody, flow)
            assert chained(one.messages), "U is not u + 1"
            assert all(each["U"] <= each["u"] for each in one.messages)
            sides, last = folded(start, one.messages)
            assert last == now["lastUpdateId"]
            assert sides == [dict(now["bids"]), dict(now["asks"])], f"seed {SEED}"

    run(main())


def test_prints_are_those_of_rest_one_frame_each(port: int, anybody: Client, flow: Flow) -> None:
    async def main() -> None:
        async with talk(port, "/stream?streams=btcusdt@trade/btcusdt@aggTrade") as one:
            await one.ask("LIST_SUBSCRIPTIONS")
            await asyncio.to_thread(flow.orders, 600)
            await asyncio.to_thread(settled, flow, anybody)
            asked = anybody.get("/api/v3/trades", symbol="BTCUSDT", limit=1000).body
            last = asked[-1]["id"]

            def of(stream: str) -> list[dict[str, Any]]:
                return [each["data"] for each in one.messages if each["stream"] == stream]

            trades, aggregates = "btcusdt@trade", "btcusdt@aggTrade"
            await one.until(lambda: of(trades) and of(trades)[-1]["t"] == last, "the last print")
            await one.until(lambda: of(aggregates) and of(aggregates)[-1]["a"] == last, "the last aggregate")
            told = of(trades)
            first = next(at for at, row in enumerate(asked) if row["id"] == told[0]["t"])
            assert [
                (row["id"], row["price"], row["qty"], row["time"], row["isBuyerMaker"]) for row in asked[first:]
            ] == [(each["t"], each["p"], each["q"], each["T"], each["m"]) for each in told]
            assert [(each["a"], each["f"], each["l"], each["p"], each["q"]) for each in of(aggregates)] == [
                (each["t"], each["t"], each["t"], each["p"], each["q"]) for each in told
            ]

    run(main())


def test_tickers_averages_and_best_prices_are_those_of_rest(port: int, anybody: Client, flow: Flow) -> None:
    names = ["ticker", "miniTicker", "bookTicker", "avgPrice", "depth5", "depth10@100ms", "depth20@100ms", "ticker_1h"]

    async def main() -> None:
        async with talk(port, "/stream?streams=" + "/".join(f"btcusdt@{name}" for name in names)) as one:
            await asyncio.to_thread(flow.orders, 300)
            now = await asyncio.to_thread(settled, flow, anybody)

            def last(name: str) -> Any:
                told = [each["data"] for each in one.messages if each["stream"] == f"btcusdt@{name}"]
                return told[-1] if told else {}

            day = anybody.get("/api/v3/ticker/24hr", symbol="BTCUSDT").body
            for name, levels in (("depth5", 5), ("depth10@100ms", 10), ("depth20@100ms", 20)):
                sides = {side: now[side][:levels] for side in ("bids", "asks")}
                await one.until(lambda name=name, sides=sides: sides.items() <= last(name).items(), name)  # type: ignore[misc]
            best = {"b": now["bids"][0][0], "B": now["bids"][0][1], "a": now["asks"][0][0], "A": now["asks"][0][1]}
            await one.until(lambda: best.items() <= last("bookTicker").items(), "best prices")
            await one.until(lambda: last("ticker").get("n") == day["count"], "the ticker")
            ticker, keys = last("ticker"), {
                "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "c": "lastPrice",
                "Q": "lastQty", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume",
                "q": "quoteVolume", "F": "firstId", "L": "lastId", "n": "count", "O": "openTime", "C": "closeTime",
            }  # fmt: skip
            assert {key: ticker[key] for key in keys} == {key: day[name] for key, name in keys.items()}
            assert best.items() <= ticker.items() and ticker["e"] == "24hrTicker"
            await one.until(lambda: last("miniTicker").get("v") == day["volume"], "the mini ticker")
            hour = await one.until(lambda: last("ticker_1h").get("n") == day["count"] and last("ticker_1h"), "1 h")
            assert hour["e"] == "1hTicker" and hour["O"] % 60_000 == 0
            average = anybody.get("/api/v3/avgPrice", symbol="BTCUSDT").body
            await one.until(lambda: last("avgPrice").get("w") == average["price"], "the average")

    run(main())


def test_candles_end_closed_and_are_those_of_rest(port: int, anybody: Client, flow: Flow) -> None:
    async def main() -> None:
        async with talk(port, "/stream?streams=btcusdt@kline_1s/btcusdt@kline_1d/btcusdt@kline_3m") as one:

            def of(interval: str) -> list[dict[str, Any]]:
                name = f"btcusdt@kline_{interval}"
                return [each["data"]["k"] for each in one.messages if each["stream"] == name]

            await asyncio.to_thread(settled, flow, anybody)
            await asyncio.to_thread(flow.orders, 300)
            seconds = await one.until(lambda: [each for each in of("1s") if each["x"] and each["n"]], "a closed candle")
            await asyncio.to_thread(settled, flow, anybody)  # a trade of that second may have come after its end
            begin = seconds[0]["t"]
            keys = dict(zip("toh lcv T q n".replace(" ", ""), (0, 1, 2, 3, 4, 5, 6, 7, 8), strict=True))
            rows = anybody.get("/api/v3/klines", symbol="BTCUSDT", interval="1s", startTime=begin, limit=1).body

            def last_closed() -> Any:
                told = [each for each in of("1s") if each["x"] and each["t"] == begin]
                return told[-1] if told[-1]["n"] == rows[0][8] else None

            closed = await one.until(last_closed, "it is told once more")
            assert {key: closed[key] for key in keys} == {key: rows[0][at] for key, at in keys.items()}
            first, last = (
                anybody.get("/api/v3/aggTrades", symbol="BTCUSDT", limit=1, **end).body[0]["a"]
                for end in ({"startTime": closed["t"]}, {"endTime": closed["T"]})
            )
            assert (closed["f"], closed["L"]) == (first, last)
            await asyncio.to_thread(settled, flow, anybody)
            day = anybody.get("/api/v3/klines", symbol="BTCUSDT", interval="1d", limit=1).body[0]
            await one.until(lambda: of("1d") and of("1d")[-1]["n"] == day[8], "today's candle")
            assert {key: of("1d")[-1][key] for key in keys} == {key: day[at] for key, at in keys.items()}
            assert await one.until(lambda: of("3m"), "three minutes")

    run(main())


def test_arrays_of_all_symbols_hold_those_that_changed(port: int, flow: Flow) -> None:
    async def main() -> None:
        async with talk(port, "/stream?streams=!miniTicker@arr/!ticker@arr/!bookTicker") as one:
            await one.ask("LIST_SUBSCRIPTIONS")
            await asyncio.to_thread(flow.orders, 200)
            for name in ("!miniTicker@arr", "!ticker@arr", "!bookTicker"):
                found = await one.until(
                    lambda name=name: [each["data"] for each in one.messages if each["stream"] == name],  # type: ignore[misc]
                    name,
                )
                rows = found[0] if name.endswith("@arr") else found[:1]
                assert [row["s"] for row in rows] == ["BTCUSDT"], name

    run(main())


def test_streams_are_taken_up_listed_and_given_up(port: int, flow: Flow) -> None:
    async def main() -> None:
        async with talk(port, "/ws") as one:
            names = ["btcusdt@trade", "ethusdt@depth"]
            assert await one.ask("SUBSCRIBE", names) == {"result": None, "id": 1}
            assert (await one.ask("LIST_SUBSCRIPTIONS"))["result"] == names
            assert (await one.ask("GET_PROPERTY", ["combined"]))["result"] is False
            assert (await one.ask("SET_PROPERTY", ["combined", True]))["result"] is None
            await asyncio.to_thread(flow.trades, 1)
            await one.until(lambda: one.messages, "a print")
            assert one.messages[0]["stream"] == "btcusdt@trade"
            await asyncio.sleep(1)  # five messages a second are allowed
            assert (await one.ask("UNSUBSCRIBE", ["btcusdt@trade", "ethusdt@trade"]))["result"] is None
            assert (await one.ask("LIST_SUBSCRIPTIONS"))["result"] == ["ethusdt@depth"]
        async with talk(port, "/stream?streams=nothing@trade/btcusdt@depth/0") as one:
            assert (await one.ask("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@depth"]
            assert (await one.ask("GET_PROPERTY", ["combined"]))["result"] is True
        async with talk(port, "/ws/btcusdt@depth/ethusdt@trade") as one:
            assert (await one.ask("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@depth", "ethusdt@trade"]

    run(main())


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{", 3, "Invalid JSON"),
        ("[]", 2, "expected an object"),
        ('{"id": 1}', 2, "missing field `method`"),
        ('{"id": 1, "method": "LISTEN"}', 2, "unknown variant LISTEN"),
        ('{"id": 1.5, "method": "LIST_SUBSCRIPTIONS"}', 2, "request ID"),
        ('{"id": 1, "method": "SUBSCRIBE", "params": ["btcusdt@everything"]}', 2, "invalid stream"),
        ('{"id": 1, "method": "SUBSCRIBE", "params": ["BTCUSDT@trade"]}', 2, "invalid stream"),
        ('{"id": 1, "method": "SUBSCRIBE", "params": ["btcusdt@kline_7m"]}', 2, "invalid stream"),
        ('{"id": 1, "method": "SUBSCRIBE", "params": [1]}', 2, "names of streams"),
        ('{"id": 1, "method": "SUBSCRIBE", "params": "btcusdt@trade"}', 2, "must be a list"),
        ('{"id": 1, "method": "SET_PROPERTY", "params": ["combined", 1]}', 1, "expected Boolean"),
        ('{"id": 1, "method": "GET_PROPERTY", "params": ["color"]}', 0, "Unknown property"),
        ('{"id": 1, "method": "GET_PROPERTY", "params": [true]}', 2, "must be a string"),
        ('{"id": 1, "method": "GET_PROPERTY", "params": ["combined", true]}', 2, "too many parameters"),
    ],
)
def test_what_is_wrong_is_refused_and_the_connection_stays(port: int, text: str, code: int, words: str) -> None:
    async def main() -> None:
        async with talk(port, "/ws") as one:
            await one.socket.send_str(text)
            await one.until(lambda: one.answers, "an answer")
            [answer] = one.answers.values()
            one.answers.clear()
            assert answer["code"] == answer["error"]["code"] == code and words in answer["msg"], answer
            assert (await one.ask("LIST_SUBSCRIPTIONS"))["result"] == []

    run(main())


def test_a_connection_has_1024_streams_at_most_and_five_messages_a_second(port: int) -> None:
    async def main() -> None:
        known = [f"btcusdt@{kind}" for kind in ("trade", "aggTrade", "depth", "depth@100ms", "ticker")]
        async with talk(port, "/ws") as one:
            assert (await one.ask("SUBSCRIBE", known * 300))["result"] is None  # the same ones count once
            for _ in range(6):
                await one.socket.send_str('{"id": 7, "method": "LIST_SUBSCRIPTIONS"}')
            assert await one.end() == (1008, "Too many messages.")

    run(main())


def counts(running: Pipeline) -> dict[str, int]:
    found: dict[str, int] = running.report("status")["consumers"]["gateway"]
    return found


def test_who_does_not_read_trades_is_dropped_told_why_and_counted(running: Pipeline, port: int, flow: Flow) -> None:
    dropped = counts(running)["too_slow"]

    async def main() -> None:
        path = "/ws/btcusdt@trade"
        async with talk(port, path, narrow=True) as slow, talk(port, path) as quick:
            await slow.ask("LIST_SUBSCRIPTIONS")
            await quick.ask("LIST_SUBSCRIPTIONS")
            slow.stop_reading()
            acting = asyncio.create_task(asyncio.to_thread(flow.trades, PRINTS))
            await quick.until(lambda: len(quick.messages) == PRINTS, "every print")
            await acting
            slow.read_on()
            code, reason = await slow.end()
            assert code == 1008 and reason.startswith("Too slow"), (code, reason)
            ids = [each["t"] for each in quick.messages]
            assert 0 < len(slow.messages) < PRINTS
            assert [each["t"] for each in slow.messages] == ids[: len(slow.messages)], "what came, came in order"

    run(main())
    eventually(lambda: counts(running)["too_slow"] == dropped + 1, "status counts it")


def test_who_does_not_read_the_book_gets_what_changed_and_no_gap(
    running: Pipeline, port: int, anybody: Client, flow: Flow
) -> None:
    """Several streams of the same book fill the connection; what it reads later still joins."""
    names = ["btcusdt@depth@100ms", "btcusdt@depth", "btcusdt@depth@1000ms", "btcusdt@depth20@100ms"]
    before = counts(running)["conflated"]

    async def main() -> None:
        path = "/stream?streams=" + "/".join(names)
        async with talk(port, path, narrow=True) as slow, talk(port, f"/ws/{names[0]}") as quick:
            await slow.ask("LIST_SUBSCRIPTIONS")
            slow.stop_reading()
            start = snapshot(anybody)
            while sum(len(each["b"]) + len(each["a"]) for each in quick.messages) < LEVELS:
                await asyncio.to_thread(flow.orders, 3000, 4000)
            await caught_up(quick, anybody, flow)

            def told() -> list[dict[str, Any]]:
                return [each["data"] for each in slow.messages if each["stream"] == names[0]]

            last = quick.messages[-1]["u"]
            slow.read_on()
            await slow.until(lambda: told() and told()[-1]["u"] >= last, "the newest")
            assert chained(told()) and chained(quick.messages)
            assert len(told()) < len(quick.messages), "nothing was left out: the connection never was full"
            assert folded(start, told()) == folded(start, quick.messages), f"seed {SEED}"

    run(main())
    eventually(lambda: counts(running)["conflated"] > before, "status counts what was left out")
