"""What is known of every transfer between shards, and the commands that carry them out, in LMDB: DATA/transfers.

A transfer is a withdrawal on one shard, its first leg, and a deposit on another. Each leg is a command on this log's
own lane of a shard; the legs of a shard are numbered from 0, as its lane counts, so that whoever sends them knows
which one comes next whatever died when. In one commit with each request or answer stands what follows from it:

    state         answer to the last leg    next state, and what it asks for
    withdrawing   withdrawn                 depositing: a deposit on the target
    withdrawing   rejected                  refused
    depositing    deposited                 done
    depositing    rejected                  returning: a deposit on the source
    returning     deposited                 returned
    returning     rejected                  waiting; after a while returning again: the same deposit

A leg that is refused as `duplicate_client_id` has not happened (its number was never answered before): it goes again
with another id. Ids are odd, which no client's are (`layout`), and begin beside that of the request. Where the account
has gone on so far that this one is behind its window, the next one is ID_STEP further: less than the window is wide,
so that it is never beyond what the account itself has used.

Between the first two legs the money is on no shard: `in_transit`. The log can't be made again from the journals alone
(they don't know what was asked for), so it is synced at each commit, and never moved aside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import lmdb
import orjson

from consumers.store import LIB_VERSION, encode_key
from ops.shards.layout import CLIENT_ID_STEP
from ringbuf.codes import EventType, Reason

FOLDER = "transfers"
MAP_SIZE = 1 << 36
ID_STEP = 62  # of the client ids that are tried, inside: even, and less than the 64 of an account's window
DUPLICATE = Reason.DUPLICATE_CLIENT_ID.name.lower()
_TABLES = ("transfers", "asked", "legs", "marks")
_EPOCH = b"epoch"


class State(IntEnum):
    """Where a transfer stands."""

    WITHDRAWING = 0
    DEPOSITING = 1
    RETURNING = 2
    WAITING = 3
    DONE = 4
    RETURNED = 5
    REFUSED = 6


IN_TRANSIT = (State.DEPOSITING, State.RETURNING, State.WAITING)
ENDED = (State.DONE, State.RETURNED, State.REFUSED)


@dataclass
class Transfer:
    """One transfer. `asset`: its id; `amount`: in minor units; `reason`: why it was refused or came back, a word."""

    number: int
    account: int
    client_id: int
    asset: int
    amount: int
    source: int
    target: int
    state: int = State.WITHDRAWING
    reason: str = ""

    def same_as(self, other: "Transfer") -> bool:
        """Whether both ask for the same."""
        return self.terms == other.terms

    @property
    def terms(self) -> tuple[int, ...]:
        """What was asked for."""
        return self.account, self.client_id, self.asset, self.amount, self.source, self.target


@dataclass
class Mark:
    """How far a shard is: events looked at, legs asked for, legs answered."""

    seen: int = 0
    legs: int = 0
    answered: int = 0


class LogError(Exception):
    """The log contradicts a shard's history, or is of another one; the message says in what."""


class TransferLog:
    """The writing side (one process) and the reading side (`readonly`)."""

    def __init__(self, data: Path, epoch: int, shards: int, readonly: bool = False) -> None:
        self.path = data / FOLDER
        if not readonly:
            self.path.mkdir(exist_ok=True)
        self._env = lmdb.open(
            str(self.path),
            map_size=MAP_SIZE,
            max_dbs=len(_TABLES),
            lib_version=LIB_VERSION,
            max_spare_txns=2,
            readonly=readonly,
        )
        self._transfers, self._asked, self._legs, self._marks = (
            self._env.open_db(name.encode(), create=not readonly) for name in _TABLES
        )
        self.shards = shards
        found = self._epoch(None if readonly else epoch)
        if found != epoch:
            self._env.close()
            raise LogError(f"{self.path}: is of epoch {found}, the shards of {epoch}")

    def _epoch(self, new: int | None) -> int:
        with self._env.begin(write=new is not None, db=self._marks) as txn:
            row = txn.get(_EPOCH)
            if row is None and new is not None:
                row = encode_key(new)
                txn.put(_EPOCH, row)
            return int.from_bytes(row or b"", "big")

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """A transaction that is synced when it ends."""
        with self._env.begin(write=True) as txn:
            yield txn

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A transaction that sees one commit."""
        with self._env.begin() as txn:
            yield txn

    def mark(self, txn: Any, shard: int) -> Mark:
        """How far a shard is."""
        row = txn.get(encode_key(shard), db=self._marks)
        return Mark() if row is None else Mark(*orjson.loads(row))

    def put_mark(self, txn: Any, shard: int, mark: Mark) -> None:
        """Note how far a shard is."""
        txn.put(encode_key(shard), orjson.dumps([mark.seen, mark.legs, mark.answered]), db=self._marks)

    def transfer(self, txn: Any, number: int) -> Transfer:
        """One transfer; KeyError where there is none of that number."""
        row = txn.get(encode_key(number), db=self._transfers)
        if row is None:
            raise KeyError(f"transfer {number}")
        return Transfer(*orjson.loads(row))

    def asked(self, txn: Any, account: int, client_id: int) -> Transfer | None:
        """The transfer that an account asked for under this id."""
        row = txn.get(encode_key(account, client_id), db=self._asked)
        return None if row is None else self.transfer(txn, int.from_bytes(row, "big"))

    def transfers(self, txn: Any) -> Iterator[Transfer]:
        """All, oldest first."""
        with txn.cursor(db=self._transfers) as cursor:
            for row in cursor.iternext(keys=False):
                yield Transfer(*orjson.loads(row))

    def waiting(self, txn: Any) -> list[Transfer]:
        """Those that could not even be given back."""
        return [one for one in self.transfers(txn) if one.state == State.WAITING]

    def leg(self, txn: Any, shard: int, number: int) -> tuple[Transfer, EventType, int]:
        """The command of that number on a shard: of which transfer, what has to answer it, its client id there."""
        row = txn.get(encode_key(shard, number), db=self._legs)
        if row is None:
            raise LogError(f"{self.path}: shard {shard} has answered command {number}, which was never asked for")
        transfer, kind, client_id = orjson.loads(row)
        return self.transfer(txn, transfer), EventType(kind), client_id

    def ask(self, txn: Any, asked: Transfer) -> Transfer:
        """Begin a transfer (its number is given here)."""
        last = 0
        with txn.cursor(db=self._transfers) as cursor:
            if cursor.last():
                last = int.from_bytes(cursor.key(), "big")
        asked.number = last + 1
        txn.put(encode_key(asked.account, asked.client_id), encode_key(asked.number), db=self._asked)
        self._put(txn, asked)
        self._add_leg(txn, asked.source, asked, EventType.WITHDRAWN)
        return asked

    def again(self, txn: Any, transfer: Transfer) -> None:
        """Try once more to give back what is waiting."""
        transfer.state = State.RETURNING
        self._put(txn, transfer)
        self._add_leg(txn, transfer.source, transfer, EventType.DEPOSITED)

    def answer(self, txn: Any, shard: int, kind: EventType, amount: int, reason: str) -> Transfer:
        """Take the answer to a shard's next unanswered leg; the transfer as it is then. Raises LogError."""
        mark = self.mark(txn, shard)
        transfer, wanted, client_id = self.leg(txn, shard, mark.answered)
        mark.answered += 1
        self.put_mark(txn, shard, mark)
        if kind not in (wanted, EventType.REJECTED) or (kind == wanted and amount != transfer.amount):
            raise LogError(
                f"{self.path}: command {mark.answered - 1} of shard {shard} was answered {kind.name} {amount}, "
                f"expected {wanted.name} {transfer.amount} of transfer {transfer.number}"
            )
        if reason == DUPLICATE:
            self._add_leg(txn, shard, transfer, wanted, client_id + ID_STEP)
        else:
            self._go_on(txn, transfer, kind, reason)
        return transfer

    def _go_on(self, txn: Any, transfer: Transfer, kind: EventType, reason: str) -> None:
        """The table above."""
        done = kind != EventType.REJECTED
        follows = {
            State.WITHDRAWING: State.DEPOSITING if done else State.REFUSED,
            State.DEPOSITING: State.DONE if done else State.RETURNING,
            State.RETURNING: State.RETURNED if done else State.WAITING,
        }
        transfer.state = follows[State(transfer.state)]
        transfer.reason = transfer.reason or reason
        self._put(txn, transfer)
        if transfer.state == State.DEPOSITING:
            self._add_leg(txn, transfer.target, transfer, EventType.DEPOSITED)
        elif transfer.state == State.RETURNING:
            self._add_leg(txn, transfer.source, transfer, EventType.DEPOSITED)

    def _put(self, txn: Any, transfer: Transfer) -> None:
        txn.put(encode_key(transfer.number), orjson.dumps(list(vars(transfer).values())), db=self._transfers)

    def _add_leg(self, txn: Any, shard: int, transfer: Transfer, kind: EventType, client_id: int = 0) -> None:
        """client_id: 0 = the one beside that of the request."""
        mark = self.mark(txn, shard)
        leg = [transfer.number, int(kind), client_id or transfer.client_id * CLIENT_ID_STEP + 1]
        txn.put(encode_key(shard, mark.legs), orjson.dumps(leg), db=self._legs)
        mark.legs += 1
        self.put_mark(txn, shard, mark)

    def close(self) -> None:
        """Close the environment."""
        self._env.close()


def in_transit(transfers: Iterator[Transfer]) -> dict[int, int]:
    """Minor units by asset that are on no shard."""
    found: dict[int, int] = {}
    for one in transfers:
        if one.state in IN_TRANSIT:
            found[one.asset] = found.get(one.asset, 0) + one.amount
    return found
