"""API keys: who they speak for, what they may, and whether a secret or a signature is theirs.

    DATA/keys/api/keys.json     every key that was ever made: account, scopes, addresses, when made, when revoked
    DATA/keys/api/master        32 random bytes in hex, made with the first key; mode 0600

**No secret is stored.** A key's secret is HMAC-SHA256(master, key), so it is made again where a signature has to be
checked, and shown once, when the key is made. Who has keys.json alone (a copy, a backup of it, a support ticket) has
nothing that signs, and nothing that could be tried against a guess: stronger than a salted hash, which a checker of
HMAC signatures could not use anyway, as it needs the secret itself. Who has both files can sign for everybody: so the
master is one small file that can lie elsewhere (a symbolic link on to a volume of its own), and `backup` takes
neither. Another master makes every HMAC key useless; keys.json knows which master it belongs to and says so.

Of an Ed25519 key only the public half is here: nothing on this host signs for it. It needs the package
`cryptography`, which is imported when the first such key is used.

keys.json is replaced whole: any number of readers see the old one or the new one. Each has a later mtime than the one
before, so that `ApiKeys.refresh` sees from a stat alone that something changed.
"""

import base64
import hashlib
import hmac
import importlib.util
import ipaddress
import json
import logging
import os
import re
import secrets
import string
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from config.command_text import MAX_ACCOUNT
from config.errors import ConfigError
from config.private_files import locked, private_folder, read_private, write_private

log = logging.getLogger(__name__)

SCOPES = ("read", "trade", "withdraw", "admin")
KINDS = ("hmac", "ed25519")
PACKAGE = "cryptography"
MISSING_PACKAGE = f"needs the Python package {PACKAGE} (optional dependencies `keys` in pyproject.toml)"
_KEY_LETTERS = string.ascii_letters + string.digits
_KEY_LENGTH = 64
_NAME = re.compile(r"[^\x00-\x1f\x7f]{0,64}")
_MASTER_BYTES = 32
_SIGNATURE_LIMIT = 256  # characters; both kinds are far shorter


class KeysError(Exception):
    """A file of keys can't be read or used; the message names it and what was expected."""


@dataclass(frozen=True)
class ApiKey:
    """One key. addresses: networks (CIDR) it may be used from, none = from anywhere. revoked_ns: 0 = it is not."""

    key: str
    account: int
    scopes: frozenset[str]
    addresses: tuple[str, ...]
    kind: str  # "hmac" | "ed25519"
    created_ns: int
    name: str
    public_key: str = ""  # ed25519: 32 bytes in base64
    revoked_ns: int = 0

    def allows_address(self, address: str) -> bool:
        """Whether it may be used from this IP address; never from what is none where there is a list."""
        if not self.addresses:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped  # how a socket for both families shows an IPv4 client
        return any(found in ipaddress.ip_network(network) for network in self.addresses)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that stands in keys.json and in `key list`; no secret is in it."""
        return {**vars(self), "scopes": sorted(self.scopes, key=SCOPES.index), "addresses": list(self.addresses)}


class ApiKeys:
    """The reading side, one a process, not for several threads. Where the files can't be used nobody is let in.

    Why is said once in the log, with the file's name; the next `refresh` that finds them well lets keys count again.
    generation: grows whenever `find` may answer otherwise than before.
    """

    def __init__(self, data: Path) -> None:
        self._folder = keys_folder(data)
        self._seen: tuple[int, ...] | None = ()
        self._keys: dict[str, ApiKey] = {}
        self._verifiers: dict[str, Any] = {}  # by Ed25519 key
        self._master = secrets.token_bytes(_MASTER_BYTES)  # of nobody: until a real one is read
        self._said = ""
        self.generation = 0
        self.refresh()

    def refresh(self) -> None:
        """Look whether the files changed (a stat each), and if so read them again."""
        seen = _stamp(self._folder / "keys.json") + _stamp(self._folder / "master")
        if seen == self._seen:
            return
        self._verifiers = {}
        self.generation += 1
        try:
            keys, master_id = _read(self._folder)
            if any(key.kind == "hmac" and not key.revoked_ns for key in keys):
                self._master = _read_master(self._folder, master_id)
        except KeysError as error:
            self._keys, self._seen = {}, None  # look again the next time
            if str(error) != self._said:
                log.error("API keys: nobody is let in: %s", error)
            self._said = str(error)
            return
        self._seen, self._said = seen, ""
        self._keys = {key.key: key for key in keys if not key.revoked_ns}

    def find(self, key: str) -> ApiKey | None:
        """The key; None where it is unknown or revoked."""
        return self._keys.get(key)

    def is_signed(self, key: str, message: bytes, signature: str) -> bool:
        """Whether a signature is this key's over the message: HMAC-SHA256 in hex, or Ed25519 in base64.

        False for what is no signature, too, and for a key that is unknown or revoked: after the same work.
        """
        found = self._keys.get(key)
        if len(signature) > _SIGNATURE_LIMIT:
            return False
        if found is not None and found.kind == "ed25519":
            return self._is_ed25519(found, message, signature)
        expected = hmac.new(_secret(self._master, key).encode(), message, hashlib.sha256).hexdigest()
        given = signature.encode("utf-8", "surrogatepass").lower()
        return hmac.compare_digest(expected.encode(), given) and found is not None

    def is_secret(self, key: str, secret: str) -> bool:
        """Whether this is the secret of an HMAC key; an Ed25519 key has none that this side knows."""
        found = self._keys.get(key)
        given = secret.encode("utf-8", "surrogatepass")
        is_same = hmac.compare_digest(_secret(self._master, key).encode(), given)
        return is_same and found is not None and found.kind == "hmac"

    def _is_ed25519(self, key: ApiKey, message: bytes, signature: str) -> bool:
        if importlib.util.find_spec(PACKAGE) is None:
            if self._said != MISSING_PACKAGE:
                log.error("API keys: Ed25519 keys are refused: this %s", MISSING_PACKAGE)
            self._said = MISSING_PACKAGE
            return False
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        verifier = self._verifiers.get(key.key)
        if verifier is None:
            verifier = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_key))
            self._verifiers[key.key] = verifier
        try:
            verifier.verify(base64.b64decode(signature, validate=True), message)
        except (InvalidSignature, ValueError):
            return False
        return True


def create_key(
    data: Path,
    account: int,
    scopes: Iterable[str],
    addresses: Iterable[str] = (),
    name: str = "",
    ed25519_pem: bytes | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret ("" for an Ed25519 key: only the client has it), safe on the disk.

    ed25519_pem: the client's public key. Raises ConfigError naming the field, KeysError, OSError.
    """
    public_key = "" if ed25519_pem is None else _public_key(ed25519_pem)
    made = ApiKey(
        key="".join(secrets.choice(_KEY_LETTERS) for _ in range(_KEY_LENGTH)),
        account=_account(account),
        scopes=_scopes(scopes),
        addresses=tuple(_network(text) for text in addresses),
        kind="ed25519" if public_key else "hmac",
        created_ns=time.time_ns(),
        name=_name(name),
        public_key=public_key,
    )
    folder = private_folder(keys_folder(data))
    with locked(folder / "lock"):
        keys, master_id = _read(folder)
        secret = ""
        if made.kind == "hmac":
            master = _read_master(folder, master_id) if master_id else _make_master(folder)
            master_id = _id_of(master)
            secret = _secret(master, made.key)
        _write(folder, [*keys, made], master_id)
    return made, secret


def revoke_key(data: Path, key: str) -> bool:
    """Revoke a key for good, safe on the disk; False where there is none or it was revoked before."""
    folder = keys_folder(data)
    if not folder.is_dir():
        return False
    with locked(folder / "lock"):
        keys, master_id = _read(folder)
        if not any(one.key == key and not one.revoked_ns for one in keys):
            return False
        now = time.time_ns()
        _write(folder, [replace(one, revoked_ns=now) if one.key == key else one for one in keys], master_id)
    return True


def list_keys(data: Path) -> list[ApiKey]:
    """Every key that was ever made, revoked ones too, in the order they were made. Raises KeysError."""
    return _read(keys_folder(data))[0]


def keys_folder(data: Path) -> Path:
    """Where the API keys of a data directory lie; not made."""
    return Path(data) / "keys" / "api"


def _secret(master: bytes, key: str) -> str:
    """64 hex digits."""
    return hmac.new(master, b"secret of " + key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _id_of(master: bytes) -> str:
    """Which master this is, without saying it."""
    return hmac.new(master, b"which master", hashlib.sha256).hexdigest()[:16]


def _make_master(folder: Path) -> bytes:
    """A new master, or the one that is there and was never used. Under the lock."""
    path = folder / "master"
    if not path.exists():
        write_private(path, secrets.token_bytes(_MASTER_BYTES).hex().encode() + b"\n")
    return _read_master(folder, "")


def _read_master(folder: Path, master_id: str) -> bytes:
    """The master; KeysError where it is none, or not the one that keys.json was written with."""
    path = folder / "master"
    try:
        master = bytes.fromhex(read_private(path).decode("ascii").strip())
    except (OSError, ValueError) as error:
        raise KeysError(f"{path}: expected the master of the API keys: {error}") from error
    if len(master) != _MASTER_BYTES:
        raise KeysError(f"{path}: expected {2 * _MASTER_BYTES} hex digits, found {2 * len(master)}")
    if master_id and not hmac.compare_digest(_id_of(master), master_id):
        raise KeysError(f"{path}: expected master {master_id}, as keys.json says, found {_id_of(master)}")
    return master


def _read(folder: Path) -> tuple[list[ApiKey], str]:
    """Every key, and which master made the HMAC ones ("" where there is none yet). Raises KeysError."""
    path = folder / "keys.json"
    try:
        found = json.loads(path.read_bytes())
        return [_key(fields) for fields in found["keys"]], str(found["master"])
    except FileNotFoundError:
        return [], ""
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise KeysError(f"{path}: expected API keys as `key create` writes them: {error!r}") from error


def _key(fields: dict[str, Any]) -> ApiKey:
    """A key as keys.json has it; a mistake by hand is an error here, not a key that may too much."""
    key = ApiKey(**{**fields, "scopes": _scopes(fields["scopes"]), "addresses": tuple(fields["addresses"])})
    if not isinstance(key.key, str) or not key.key or key.kind not in KINDS:
        raise ValueError(f"key: expected one of kind {' or '.join(KINDS)}, not {key.key!r} of kind {key.kind!r}")
    for network in key.addresses:
        ipaddress.ip_network(network)
    if type(key.revoked_ns) is not int or type(key.created_ns) is not int:
        raise ValueError(f"created_ns, revoked_ns: expected nanoseconds in key {key.key}")
    if key.kind == "ed25519" and len(base64.b64decode(key.public_key, validate=True)) != 32:
        raise ValueError(f"public_key: expected 32 bytes in base64 in key {key.key}")
    _account(key.account)
    return key


def _write(folder: Path, keys: list[ApiKey], master_id: str) -> None:
    """Replace keys.json, with a later mtime than it had."""
    path = folder / "keys.json"
    before_ns = path.stat().st_mtime_ns if path.exists() else 0
    text = json.dumps({"master": master_id, "keys": [key.to_dict() for key in keys]}, indent=1)
    later_ns = max(time.time_ns(), before_ns + 1)
    write_private(path, text.encode() + b"\n", mtime_ns=later_ns)


def _stamp(path: Path) -> tuple[int, ...]:
    """Changes with every new content of a file; zeros where there is none, or nobody may look."""
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return found.st_ino, found.st_mtime_ns, found.st_size


def _account(account: int) -> int:
    if type(account) is not int or not 0 <= account <= MAX_ACCOUNT:
        raise ConfigError("account", f"expected a whole number from 0 to {MAX_ACCOUNT}, not {account!r}")
    return account


def _scopes(scopes: Iterable[str]) -> frozenset[str]:
    found = frozenset(scopes)
    if not found or not found <= set(SCOPES):
        raise ConfigError("scopes", f"expected some of {', '.join(SCOPES)}, not {', '.join(sorted(map(str, found)))!r}")
    return found


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ConfigError("address", f"expected a network such as 10.1.0.0/16, not {text!r}: {error}") from error


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError("name", f"expected at most 64 characters on one line, not {name!r}")
    return name


def _public_key(pem: bytes) -> str:
    """The 32 bytes of an Ed25519 public key in PEM, in base64. Raises ConfigError."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise ConfigError("ed25519", MISSING_PACKAGE)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY" in pem:
        raise ConfigError("ed25519", "expected the public key, not the private one: that stays with the client")
    try:
        found = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError("ed25519", f"expected an Ed25519 public key in PEM: {error}") from error
    if not isinstance(found, Ed25519PublicKey):
        raise ConfigError("ed25519", f"expected an Ed25519 public key in PEM, not {type(found).__name__}")
    return base64.b64encode(found.public_bytes_raw()).decode()
