"""An address that goes on asking over its limit, at a gateway whose limit is small."""

from contextlib import suppress
from pathlib import Path

from tests.consumers.gateway.asking import Client, gateway_port
from tests.consumers.gateway.sockets import run, talk
from tests.pipeline import pipeline

LIMIT = 20  # weight a minute; banned at twice that
COUNT = 1000  # of 1 KB: more than anybody has read when the ban comes


def test_who_goes_on_is_refused_then_banned_and_its_websocket_ends(tmp_path: Path) -> None:
    with pipeline(tmp_path, config=f"[gateway]\nweight_per_minute = {LIMIT}\n", web=True) as running:
        running.up()
        port = gateway_port(running)

        async def main() -> None:
            async with talk(port, "/ws-api/v3") as one:
                with suppress(ConnectionError):  # it may be over before all are sent
                    for _ in range(COUNT):  # enough also where a minute ends among them
                        await one.socket.send_str('{"id": 1, "method": "ping"}'.ljust(1024))
                assert await one.end() == (1008, "This address is banned.")

        run(main())
        answer = Client(port).get("/api/v3/time")
        assert (answer.status, answer.code) == (418, -1003), answer
        assert 100 < int(answer.headers["Retry-After"]) <= 120, "two minutes at first"
