"""The verb `key`, as a user types it."""

import json
from pathlib import Path

import pytest

from config.api_keys import ApiKeys, keys_folder
from ops.cli import main

Said = pytest.CaptureFixture[str]


def key(data: Path, said: Said, *arguments: str) -> dict[str, object]:
    """The JSON object of `key`, which must end with 0."""
    assert main(["key", "--data", str(data), *arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(said.readouterr().out)
    return found


def test_create_shows_key_and_secret_once_and_they_work(tmp_path: Path, capsys: Said) -> None:
    data = tmp_path / "not" / "there" / "yet"
    made = key(data, capsys, "create", "--account", "7", "--scopes", "read, trade", "--name", "the bot")
    assert ApiKeys(data).is_secret(str(made["key"]), str(made["secret"]))
    assert (made["account"], made["scopes"], made["name"]) == (7, ["read", "trade"], "the bot")
    assert str(made["secret"]) not in json.dumps(key(data, capsys, "list"))


def test_without_json_the_pair_is_on_standard_output_alone(tmp_path: Path, capsys: Said) -> None:
    assert main(["--data", str(tmp_path), "key", "create", "--account", "7", "--scopes", "read"]) == 0
    said = capsys.readouterr()
    (_, made), (_, secret) = (line.split() for line in said.out.splitlines())
    assert ApiKeys(tmp_path).is_secret(made, secret)
    assert secret not in said.err


def test_list_shows_every_key_revoked_ones_as_such(tmp_path: Path, capsys: Said) -> None:
    assert key(tmp_path, capsys, "list") == {"keys": []}
    one = key(tmp_path, capsys, "create", "--account", "7", "--scopes", "trade", "--address", "10.0.0.0/8")
    two = key(tmp_path, capsys, "create", "--account", "8", "--scopes", "read")
    assert key(tmp_path, capsys, "revoke", str(one["key"])) == {"key": one["key"], "revoked": True}
    assert main(["key", "list", "--data", str(tmp_path)]) == 0
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["key", "account", "scopes"]
    assert first.startswith(str(one["key"])) and "revoked 20" in first and "10.0.0.0/8" in first
    assert second.startswith(str(two["key"])) and "active" in second and "any" in second


def test_a_key_that_is_not_there_can_not_be_revoked(tmp_path: Path, capsys: Said) -> None:
    assert main(["key", "revoke", "nobody", "--data", str(tmp_path)]) == 1
    assert "there is no key nobody" in capsys.readouterr().err
    assert not keys_folder(tmp_path).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--account", "7", "--scopes", "root"], "--scopes: expected some of read, trade, withdraw, admin"),
        (["--account", "-7", "--scopes", "read"], "--account: expected a whole number from 0"),
        (["--account", "7", "--scopes", "read", "--address", "home"], "--address: expected a network"),
        (["--account", "7", "--scopes", "read", "--ed25519", "/no/such.pem"], "--ed25519: /no/such.pem can't be read"),
        (["--scopes", "read"], "--account"),
        (["--account", "7"], "--scopes"),
    ],
)
def test_what_is_wrong_is_named_with_exit_code_2(tmp_path: Path, capsys: Said, arguments: list[str], said: str) -> None:
    assert main(["key", "create", "--data", str(tmp_path), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not keys_folder(tmp_path).exists()


def test_an_ed25519_key_has_no_secret_here(tmp_path: Path, capsys: Said) -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    public = tmp_path / "public.pem"
    public.write_bytes(
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    made = key(tmp_path, capsys, "create", "--account", "7", "--scopes", "trade", "--ed25519", str(public))
    assert (made["kind"], made["secret"]) == ("ed25519", "")
    assert key(tmp_path, capsys, "list")["keys"] == [{k: v for k, v in made.items() if k != "secret"}]


def test_a_file_that_is_no_keys_file_is_exit_code_1_and_named(tmp_path: Path, capsys: Said) -> None:
    key(tmp_path, capsys, "create", "--account", "7", "--scopes", "read")
    (keys_folder(tmp_path) / "keys.json").write_text("junk")
    assert main(["key", "list", "--data", str(tmp_path)]) == 1
    assert "keys.json: expected API keys" in capsys.readouterr().err
