"""Keys at order entry: who a session speaks for, what it may ask, and what of an answer it may see.

With `[entry] keys = true` nothing of a session is taken before it has said hello with a key and its secret. Then:

| asked | scope of the key |
|---|---|
| place, replace, amend, cancel, mass_cancel | trade |
| withdraw | withdraw |
| all else: deposit, halt, bust, list_…, time, … | admin |
| anything for another account, or with a ts_ns (it would move the venue's clock) | admin as well |

What is not permitted never reaches the engine: it is answered `rejected` `not_permitted` by entry itself, without an
event, and its client id is not used. Of a trade a session that is no admin's is not told who the other party was.

Verbs on the same host need no key: they read DATA/keys/local, a secret that entry makes and its owner alone can read,
and say it in place of a key. Shared memory asks for none either: its files are its owner's alone.
"""

import hmac
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from config.api_keys import SCOPES, ApiKey, ApiKeys
from config.local_secret import make_local_secret
from consumers.journal.checks import fill_checksums
from engine.entry.sessions import Session
from ringbuf.codes import CMD_GROUP, NO_ACCOUNT, NO_ID, EventType, Op
from ringbuf.records import EVENT

log = logging.getLogger(__name__)

REFUSED = "key: expected a key that is not revoked, its secret, and an address that it may be used from"
EXPECTED_HELLO = "hello: expected first, with key and secret"
REVOKED = "key: revoked; expected hello with another one"
# A ROUTER lets anybody have a routing id that a client chose and left; those it gives itself are nobody else's.
CHOSEN_ID = "hello: expected a socket that chose no routing id of its own"
HELLO_BYTES = 4096  # of a frame of who has not said hello

_BIT = {scope: 1 << at for at, scope in enumerate(SCOPES)}
_TRADE_OPS = (Op.PLACE, Op.REPLACE, Op.AMEND, Op.CANCEL, Op.MASS_CANCEL, Op.MALFORMED)
_NEEDED = np.full(256, _BIT["admin"], np.uint8)  # scopes by op; an op that nobody knows is no trader's
_NEEDED[list(_TRADE_OPS)] = _BIT["trade"]
_NEEDED[Op.WITHDRAW] = _BIT["withdraw"]

# Of a trade, what is the taker's and what the maker's: (field, what stands there for who may not see it).
_TAKERS = (
    ("account", NO_ACCOUNT), ("order_id", 0), ("client_id", NO_ID), ("request_id", NO_ID), ("leaves_lots", 0),
    ("released", 0), ("fee", 0),
)  # fmt: skip
_MAKERS = (("maker_account", NO_ACCOUNT), ("maker_order_id", 0), ("maker_leaves_lots", 0), ("maker_fee", 0))


class NotLetIn(Exception):
    """A hello that gives no access; the message is for the client, and the same whatever was wrong with the key."""


@dataclass(frozen=True)
class Permit:
    """What a session may. key: None for verbs of this host, which may everything."""

    key: ApiKey | None

    @property
    def account(self) -> int:
        """The account that it is for; NO_ACCOUNT: any."""
        return NO_ACCOUNT if self.key is None else self.key.account

    @property
    def is_admin(self) -> bool:
        """Whether it may act for every account, and see both parties of a trade."""
        return self.key is None or "admin" in self.key.scopes

    def refused(self, commands: np.ndarray) -> np.ndarray:
        """Which of these COMMAND records are not permitted, of a group all or none. Shape (n,), bool."""
        if self.key is None:
            return np.zeros(len(commands), bool)
        needed = _NEEDED[commands["op"]]
        own = commands["account"] == self.key.account
        # What could not be read at all is nobody else's either.
        own |= (commands["op"] == Op.MALFORMED) & (commands["account"] == NO_ACCOUNT)
        needed = needed | np.where(own & (commands["ts_ns"] == 0), 0, _BIT["admin"]).astype(np.uint8)
        has = sum(_BIT[scope] for scope in self.key.scopes)
        refused = (needed & ~np.uint8(has)) != 0
        if refused.any():
            begins = np.concatenate([[True], commands["flags"][:-1] & CMD_GROUP == 0])
            group = np.cumsum(begins) - 1
            refused = np.bincount(group, refused)[group] > 0
        return refused

    def shown(self, events: np.ndarray) -> np.ndarray:
        """EVENT records as this session may see them: of a trade only its own side."""
        trades = events["type"] == EventType.TRADE
        if self.is_admin or not trades.any():
            return events
        shown = events.copy()
        for fields, account in ((_TAKERS, "account"), (_MAKERS, "maker_account")):
            others = trades & (events[account] != self.account)
            for field, absent in fields:
                shown[field][others] = absent
        fill_checksums(shown)
        return shown


class Access:
    """The keys as order entry sees them. Made after the fork."""

    def __init__(self, data: Path) -> None:
        self._keys = ApiKeys(data)
        self._local = make_local_secret(data)
        self._generation = self._keys.generation
        self._refused = 0  # hellos since the last look
        self._last_refused = ""
        fill_checksums(np.zeros(1, EVENT))  # its kernel is loaded now, not at the first trade

    def permit_for(self, hello: dict[str, Any], session: Session) -> Permit:
        """What a hello gives; one that names no key leaves what was given before. Raises NotLetIn."""
        key, secret, local = (hello.get(field) for field in ("key", "secret", "local"))
        if (key, secret, local) == (None, None, None) and session.permit is not None:
            permit = session.permit
        elif session.identity[:1] != b"\0":
            raise NotLetIn(CHOSEN_ID)
        elif local is not None:
            permit = self._permit_of_host(local)
        else:
            permit = self._permit_of_key(key, secret, session.address)
        if session.permit is not None and session.permit.account != permit.account:
            raise NotLetIn("key: expected one of the account that this session began with")
        if permit.is_admin or hello.get("account") in (None, permit.account):
            return permit
        raise NotLetIn(f"account: expected {permit.account}, as this key is for")

    def _permit_of_host(self, local: object) -> Permit:
        if isinstance(local, str) and hmac.compare_digest(local.encode("utf-8", "replace"), self._local.encode()):
            return Permit(None)
        raise NotLetIn("local: expected what DATA/keys/local says")

    def _permit_of_key(self, key: object, secret: object, address: str) -> Permit:
        if not isinstance(key, str) or not isinstance(secret, str):
            raise NotLetIn("key, secret: expected both, as text")
        self._keys.refresh()  # one that was made just now is known
        found = self._keys.find(key)
        if self._keys.is_secret(key, secret) and found is not None and found.allows_address(address):
            return Permit(found)
        self._refused, self._last_refused = self._refused + 1, address
        raise NotLetIn(REFUSED)

    def refresh(self) -> bool:
        """Look at the keys again; whether a permit may no longer hold. Says how many were not let in since."""
        if self._refused:
            log.warning("entry: %d hellos with a wrong key, the last from %r", self._refused, self._last_refused)
            self._refused = 0
        self._keys.refresh()
        is_changed = self._keys.generation != self._generation
        self._generation = self._keys.generation
        return is_changed

    def holds(self, permit: Permit) -> bool:
        """Whether its key is still as it was when the permit was given."""
        return permit.key is None or self._keys.find(permit.key.key) == permit.key


def receive(socket: Any) -> tuple[bytes, list[bytes], str]:
    """A message that waits: routing id, frames, and the IP address it came from ("" = unknown). Raises zmq.Again."""
    identity, *frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
    try:
        address = str(frames[0].get("Peer-Address")) if frames else ""
    except zmq.ZMQError:
        address = ""
    return identity.bytes, [frame.bytes for frame in frames], address
