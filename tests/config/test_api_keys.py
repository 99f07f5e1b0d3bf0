"""API keys: no secret of theirs is stored, revoked ones are refused at once, and bad files let nobody in."""

import base64
import dataclasses
import hashlib
import hmac
import json
import logging
import os
import threading
from pathlib import Path

import pytest

from config.api_keys import ApiKey, ApiKeys, KeysError, create_key, keys_folder, list_keys, revoke_key
from config.errors import ConfigError

MESSAGE = b"symbol=BTCUSDT&timestamp=1700000000000"


def signed(secret: str, message: bytes = MESSAGE) -> str:
    """As a client signs."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def test_a_key_says_whose_it_is_and_signs_with_the_secret_shown_once(tmp_path: Path) -> None:
    made, secret = create_key(tmp_path, 7, ["trade", "read"], ["10.0.0.0/8"], "the bot")
    keys = ApiKeys(tmp_path)
    assert keys.find(made.key) == made
    assert made == ApiKey(
        made.key, 7, frozenset(("read", "trade")), ("10.0.0.0/8",), "hmac", made.created_ns, "the bot"
    )  # fmt: skip
    assert len(made.key) == len(secret) == 64
    assert keys.is_signed(made.key, MESSAGE, signed(secret))
    assert keys.is_signed(made.key, MESSAGE, signed(secret).upper())  # Binance's signatures have no case
    assert keys.is_secret(made.key, secret)
    for wrong in (signed(secret, MESSAGE + b"0"), signed("0" * 64), "", "é", "\ud800", "0" * 64, "0" * 10_000):
        assert not keys.is_signed(made.key, MESSAGE, wrong)
    for wrong in (secret[:-1], secret + "0", secret.upper(), "", "é", "\ud800"):
        assert not keys.is_secret(made.key, wrong)


def test_no_two_keys_share_a_secret_and_an_unknown_key_has_none(tmp_path: Path) -> None:
    (one, one_secret), (two, two_secret) = (create_key(tmp_path, account, ["read"]) for account in (1, 2))
    keys = ApiKeys(tmp_path)
    assert one.key != two.key and one_secret != two_secret
    assert not keys.is_secret(one.key, two_secret) and not keys.is_signed(two.key, MESSAGE, signed(one_secret))
    for unknown in ("", "nobody", "\ud800", one.key[:-1], one.key + "0"):
        assert keys.find(unknown) is None
        assert not keys.is_secret(unknown, one_secret) and not keys.is_signed(unknown, MESSAGE, signed(one_secret))


def test_no_file_holds_a_secret_and_what_is_there_is_its_owners_alone(tmp_path: Path) -> None:
    _, secret = create_key(tmp_path, 7, ["read"])
    folder = keys_folder(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    files = {path.name: path for path in folder.iterdir()}
    assert set(files) == {"keys.json", "master", "lock"}
    for path in files.values():
        assert path.stat().st_mode & 0o777 == 0o600
        assert secret not in path.read_text()


def test_the_keys_file_alone_lets_nobody_sign(tmp_path: Path) -> None:
    made, secret = create_key(tmp_path / "one", 7, ["read"])
    copy = keys_folder(tmp_path / "two")
    copy.mkdir(parents=True)
    (copy / "keys.json").write_bytes((keys_folder(tmp_path / "one") / "keys.json").read_bytes())
    with pytest.raises(KeysError, match="master: expected the master"):
        create_key(tmp_path / "two", 8, ["read"])
    assert not (copy / "master").exists()  # a new one would have made the keys that are there useless
    keys = ApiKeys(tmp_path / "two")
    assert keys.find(made.key) is None and not keys.is_signed(made.key, MESSAGE, signed(secret))
    (copy / "master").write_text("ab" * 32)
    (copy / "master").chmod(0o600)
    with pytest.raises(KeysError, match="master: expected master [0-9a-f]{16}, as keys.json says, found"):
        create_key(tmp_path / "two", 8, ["read"])


def test_a_revoked_key_is_refused_by_every_reader_at_its_next_look(tmp_path: Path) -> None:
    made, secret = create_key(tmp_path, 7, ["trade"])
    other, other_secret = create_key(tmp_path, 8, ["trade"])
    readers = [ApiKeys(tmp_path) for _ in range(3)]
    assert all(keys.is_secret(made.key, secret) for keys in readers)
    assert revoke_key(tmp_path, made.key)
    for keys in readers:
        keys.refresh()
        assert keys.find(made.key) is None
        assert not keys.is_secret(made.key, secret) and not keys.is_signed(made.key, MESSAGE, signed(secret))
        assert keys.is_secret(other.key, other_secret)
    assert not revoke_key(tmp_path, made.key) and not revoke_key(tmp_path, "nobody")
    assert [bool(key.revoked_ns) for key in list_keys(tmp_path)] == [True, False]


def test_every_change_is_seen_however_quickly_one_follows_another(tmp_path: Path) -> None:
    keys = ApiKeys(tmp_path)
    for _ in range(50):
        made, _ = create_key(tmp_path, 7, ["read"])
        keys.refresh()
        assert keys.find(made.key) is not None
        revoke_key(tmp_path, made.key)
        keys.refresh()
        assert keys.find(made.key) is None


def test_where_nothing_changed_nothing_is_read(tmp_path: Path) -> None:
    made, _ = create_key(tmp_path, 7, ["read"])
    keys = ApiKeys(tmp_path)
    found = keys.find(made.key)
    keys.refresh()
    assert keys.find(made.key) is found


def test_writers_side_by_side_lose_no_key(tmp_path: Path) -> None:
    made: list[tuple[ApiKey, str]] = []

    def make() -> None:
        made.extend(create_key(tmp_path, 7, ["read"]) for _ in range(4))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = ApiKeys(tmp_path)
    assert len(made) == 16 and all(keys.is_secret(key.key, secret) for key, secret in made)


@pytest.mark.parametrize("spoil", ["junk", '{"master":"","keys":[{"key":"k"}]}', '{"keys":[]}', "[]"])
def test_a_keys_file_that_is_none_lets_nobody_in_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: str
) -> None:
    made, secret = create_key(tmp_path, 7, ["read"])
    keys = ApiKeys(tmp_path)
    path = keys_folder(tmp_path) / "keys.json"
    well = path.read_text()
    path.write_text(spoil)
    with caplog.at_level(logging.ERROR):
        keys.refresh()
        keys.refresh()
    assert keys.find(made.key) is None and not keys.is_secret(made.key, secret)
    assert caplog.text.count("keys.json: expected API keys") == 1  # said once
    with pytest.raises(KeysError, match="keys.json: expected API keys"):
        create_key(tmp_path, 8, ["read"])
    path.write_text(well)
    keys.refresh()
    assert keys.is_secret(made.key, secret)


@pytest.mark.parametrize(
    "change", [{"scopes": ["root"]}, {"account": -1}, {"addresses": ["home"]}, {"kind": "rsa"}, {"revoked_ns": None}]
)
def test_a_key_changed_by_hand_into_what_is_none_lets_nobody_in(tmp_path: Path, change: dict[str, object]) -> None:
    made, _ = create_key(tmp_path, 7, ["read"])
    path = keys_folder(tmp_path) / "keys.json"
    fields = json.loads(path.read_text())
    fields["keys"][0] |= change
    path.write_text(json.dumps(fields))
    assert ApiKeys(tmp_path).find(made.key) is None


def test_a_master_that_others_can_read_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made, _ = create_key(tmp_path, 7, ["read"])
    (keys_folder(tmp_path) / "master").chmod(0o640)
    with caplog.at_level(logging.ERROR):
        assert ApiKeys(tmp_path).find(made.key) is None
    assert "mode 640: expected 600, readable by its owner alone" in caplog.text


def test_a_killed_writer_leaves_nothing_that_stands_in_the_way(tmp_path: Path) -> None:
    folder = keys_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "keys.json.new").write_text("half")
    (folder / "keys.json.new").chmod(0o644)
    made, secret = create_key(tmp_path, 7, ["read"])
    assert ApiKeys(tmp_path).is_secret(made.key, secret)
    assert (folder / "keys.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"account": -1}, "account: expected a whole number from 0"),
        ({"account": True}, "account: expected a whole number from 0"),
        ({"account": 1 << 32}, "account: expected a whole number from 0"),
        ({"scopes": []}, "scopes: expected some of read, trade, withdraw, admin"),
        ({"scopes": ["read", "root"]}, "scopes: expected some of read, trade, withdraw, admin"),
        ({"addresses": ["10.1.2.3/8"]}, "address: expected a network such as 10.1.0.0/16, not '10.1.2.3/8'"),
        ({"addresses": ["localhost"]}, "address: expected a network"),
        ({"name": "two\nlines"}, "name: expected at most 64 characters on one line"),
        ({"name": "n" * 65}, "name: expected at most 64 characters on one line"),
    ],
)
def test_what_is_wrong_with_a_key_is_named_and_nothing_is_made(
    tmp_path: Path, wrong: dict[str, object], said: str
) -> None:
    given: dict[str, object] = {"account": 7, "scopes": ["read"], **wrong}
    with pytest.raises(ConfigError) as refused:
        create_key(tmp_path, **given)  # type: ignore[arg-type]
    assert str(refused.value).startswith(said)
    assert not (tmp_path / "keys").exists()


def test_addresses_are_those_of_the_list_in_both_families(tmp_path: Path) -> None:
    made, _ = create_key(tmp_path, 7, ["read"], ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])
    assert made.addresses == ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")
    let_in = ("10.9.9.9", "192.0.2.7", "2001:db8::1", "::ffff:10.1.1.1")
    assert all(made.allows_address(address) for address in let_in)
    assert not any(made.allows_address(address) for address in ("11.0.0.1", "192.0.2.8", "2001:db9::1", "", "unix"))
    assert dataclasses.replace(made, addresses=()).allows_address("203.0.113.1")


def test_an_ed25519_key_signs_with_what_only_the_client_has(tmp_path: Path) -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    made, secret = create_key(tmp_path, 7, ["trade"], ed25519_pem=pem)
    assert (made.kind, secret) == ("ed25519", "")
    assert not (keys_folder(tmp_path) / "master").exists()  # nothing secret on this side
    keys = ApiKeys(tmp_path)
    signature = base64.b64encode(private.sign(MESSAGE)).decode()
    assert keys.is_signed(made.key, MESSAGE, signature)
    other = base64.b64encode(ed25519.Ed25519PrivateKey.generate().sign(MESSAGE)).decode()
    for wrong in (other, signature[:-4], signature + "!", "", "é", signature.lower(), signed("0" * 64)):
        assert not keys.is_signed(made.key, MESSAGE, wrong)
    assert not keys.is_signed(made.key, MESSAGE + b"0", signature)
    assert not keys.is_secret(made.key, "") and not keys.is_secret(made.key, made.public_key)
    revoke_key(tmp_path, made.key)
    keys.refresh()
    assert not keys.is_signed(made.key, MESSAGE, signature)
    secret_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    with pytest.raises(ConfigError, match="ed25519: expected the public key, not the private one"):
        create_key(tmp_path, 7, ["read"], ed25519_pem=secret_pem)
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa").generate_private_key(65537, 2048)
    rsa_pem = rsa.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    for wrong_pem in (rsa_pem, b"junk"):
        with pytest.raises(ConfigError, match="ed25519: expected an Ed25519 public key in PEM"):
            create_key(tmp_path, 7, ["read"], ed25519_pem=wrong_pem)


def test_without_its_package_an_ed25519_key_is_refused_and_the_package_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.api_keys.PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(ConfigError, match="ed25519: needs the Python package cryptography"):
        create_key(tmp_path, 7, ["read"], ed25519_pem=b"-----BEGIN PUBLIC KEY-----")
    assert os.listdir(tmp_path) == []
