"""Listen keys: what a client shows, in place of its key and a signature, to hear what happens to its account.

They are in the gateway's own store: a client that comes back after a gateway died, or to another one, is heard with the
key that it has. A key has one at a time; it ends an hour after it was last asked for, and with the key that made it.
"""

import secrets
import string
from typing import Any

from config.api_keys import ApiKey, ApiKeys
from consumers.gateway.errors import INVALID_LISTEN_KEY, ApiError
from consumers.store import Store

TABLES = ("listen_keys", "listening")  # listen key -> until when, API key; API key -> listen key
VALID_MS = 3_600_000
_LETTERS = string.ascii_letters + string.digits
_LENGTH = 64
_TIME_BYTES = 8


class ListenKeys:
    """One process's view of them."""

    def __init__(self, store: Store, keys: ApiKeys) -> None:
        self._store = store
        self._keys = keys

    def create(self, key: ApiKey, now_ms: int) -> str:
        """The listen key of an API key: the one that it has, prolonged, or a new one."""
        with self._store.read() as txn:
            found = txn.get(key.key.encode(), db=self._store.db("listening"))
            token = "" if found is None else bytes(found).decode()
            if not self._is_valid(txn, token, now_ms):
                token = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        self._put(key.key, token, now_ms)
        return token

    def prolong(self, key: ApiKey, token: str, now_ms: int) -> None:
        """Another hour. Raises ApiError where it is not this API key's, or is over."""
        self._refuse_others(key, token, now_ms)
        self._put(key.key, token, now_ms)

    def end(self, key: ApiKey, token: str, now_ms: int) -> None:
        """At once. Raises ApiError where it is not this API key's, or is over."""
        self._refuse_others(key, token, now_ms)

        def write(txn: Any) -> None:
            txn.delete(token.encode(), db=self._store.db("listen_keys"))
            txn.delete(key.key.encode(), db=self._store.db("listening"))

        self._store.commit(0, write)

    def owner(self, token: str, now_ms: int) -> ApiKey | None:
        """The API key behind a listen key; None where it is none, is over, or the API key is revoked."""
        with self._store.read() as txn:
            found = self._read(txn, token)
        return self._keys.find(found[1]) if found is not None and found[0] > now_ms else None

    def _read(self, txn: Any, token: str) -> tuple[int, str] | None:
        row = txn.get(token.encode(), db=self._store.db("listen_keys")) if 0 < len(token) <= _LENGTH else None
        return None if row is None else (int.from_bytes(row[:_TIME_BYTES], "big"), bytes(row[_TIME_BYTES:]).decode())

    def _is_valid(self, txn: Any, token: str, now_ms: int) -> bool:
        found = self._read(txn, token)
        return found is not None and found[0] > now_ms

    def _refuse_others(self, key: ApiKey, token: str, now_ms: int) -> None:
        owner = self.owner(token, now_ms)
        if owner is None or owner.key != key.key:
            raise ApiError(INVALID_LISTEN_KEY, "This listenKey does not exist.")

    def _put(self, key: str, token: str, now_ms: int) -> None:
        row = (now_ms + VALID_MS).to_bytes(_TIME_BYTES, "big") + key.encode()

        def write(txn: Any) -> None:
            before = txn.get(key.encode(), db=self._store.db("listening"))
            if before is not None:
                txn.delete(bytes(before), db=self._store.db("listen_keys"))
            txn.put(token.encode(), row, db=self._store.db("listen_keys"))
            txn.put(key.encode(), token.encode(), db=self._store.db("listening"))

        self._store.commit(0, write)
