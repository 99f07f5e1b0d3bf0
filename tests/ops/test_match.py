"""`match` on real files, as a user types it."""

from pathlib import Path

import orjson
import pytest

from config.instruments import build_catalog
from ops.cli import main
from tests.config.cases import tables

COMMANDS = """\
{"op":"deposit","account":7,"asset":"USDT","amount":"100000","client_id":1}
{"op":"deposit","account":8,"asset":"BTC","amount":"5","client_id":1}
{"op":"place","account":7,"client_id":3,"symbol":"BTC-USDT","side":"buy","type":"limit","price":"50000","qty":"0.5"}
{"op":"place","account":8,"client_id":3,"symbol":"BTC-USDT","side":"sell","type":"market","qty":"0.25"}
nonsense
{"op":"bust","trade_seq":8}
{"op":"bust","trade_seq":8}
{"op":"list_asset","name":"ETH","decimals":8}
{"op":"deposit","account":7,"asset":"ETH","amount":"1","client_id":4}
"""


def match(folder: Path, commands: str, run: str) -> tuple[int, list[Path]]:
    """Exit code and the three files of one run."""
    source, instruments = folder / "commands.jsonl", folder / "instruments.toml"
    source.write_text(commands)
    instruments.write_text(build_catalog(tables()).to_toml())
    out = [folder / f"{run}-{name}" for name in ("events.jsonl", "balances.json", "orders.json")]
    options = ["--events", str(out[0]), "--balances", str(out[1]), "--orders", str(out[2])]
    return main(["match", str(source), "--instruments", str(instruments), *options]), out


def test_the_same_commands_give_the_same_bytes(tmp_path: Path) -> None:
    (first_code, first), (second_code, second) = match(tmp_path, COMMANDS, "a"), match(tmp_path, COMMANDS, "b")
    assert first_code == second_code == 0
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_run_goes_on_after_malformed_lines_and_busts_its_own_trades(tmp_path: Path) -> None:
    code, (events, balances, orders) = match(tmp_path, COMMANDS, "a")
    lines = [orjson.loads(line) for line in events.read_bytes().splitlines()]
    assert code == 0
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    kinds = [line["type"] for line in lines]
    assert kinds == ["listed"] * 3 + ["deposited"] * 2 + ["accepted"] * 2 + [
        "trade", "rejected", "busted", "rejected", "listed", "deposited",
    ]  # fmt: skip
    assert [line["reason"] for line in lines if line["type"] == "rejected"] == ["malformed", "unknown_order"]
    found = orjson.loads(balances.read_bytes())
    assert found["8"]["BTC"] == {"available": "5.00000000", "frozen": "0.00000000"}
    assert found["7"]["USDT"] == {"available": "87500.000000", "frozen": "12500.000000"}
    assert [(o["order_id"], o["leaves"]) for o in orjson.loads(orders.read_bytes())] == [(6, "0.2500")]


def test_the_open_orders_are_those_of_the_book_and_then_those_that_wait(tmp_path: Path) -> None:
    order = {"op": "place", "account": 7, "symbol": "BTC-USDT", "side": "buy", "qty": "0.5"}
    terms: list[dict[str, object]] = [
        {"type": "stop", "stop_price": "60000"},
        {"type": "limit", "price": "100", "display_qty": "0.1"},
        {"type": "take_profit_limit", "stop_price": "90", "price": "80"},
        {"type": "trailing_stop", "stop_price": "70000", "trail": "5", "tif": "gtd", "expire_ts_ns": 9},
        {"type": "limit", "price": "200"},
    ]
    places = [order | {"client_id": at} | each for at, each in enumerate(terms, 2)]
    deposit = COMMANDS.splitlines()[0]
    code, (_, _, orders) = match(tmp_path, "\n".join([deposit, *(orjson.dumps(p).decode() for p in places)]), "a")
    found = orjson.loads(orders.read_bytes())
    assert code == 0
    assert [(o["client_id"], o["order_type"]) for o in found[:2]] == [(6, "limit"), (3, "limit")]
    told = {o["client_id"]: o for o in found}
    assert sorted(told) == [2, 3, 4, 5, 6]
    for client_id, each in enumerate(terms, 2):
        for key in ("price", "stop_price", "trail"):
            assert (key in told[client_id]) == (key in each)
    assert told[3]["display_qty"] == "0.1000" and "display_qty" not in told[6]
    assert told[5]["stop_price"] == "70000.00" and told[5]["trail"] == "5.00" and told[5]["expire_ts_ns"] == 9


def test_files_that_can_not_be_used_end_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text("[[asset]]\nname = 'A'\n")
    rest = ["--events", str(tmp_path / "e"), "--balances", str(tmp_path / "b")]
    assert main(["match", "none.jsonl", "--instruments", str(tmp_path / "bad.toml"), *rest]) == 2
    assert "asset[0].decimals" in capsys.readouterr().err
    (tmp_path / "good.toml").write_text(build_catalog(tables()).to_toml())
    assert main(["match", str(tmp_path / "none"), "--instruments", str(tmp_path / "good.toml"), *rest]) == 2
