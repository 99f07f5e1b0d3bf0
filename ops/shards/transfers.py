"""The process that moves funds between shards: requests in, a leg on each shard, the end of it out. See `transfer_log`.

Exactly once, whatever is killed when: a leg is durable in the log before it is put into this process's lane of the
shard, and the lane itself counts what was ever put in (`base` + `produced`, the base from the shard's history), so the
next one to send is the leg of that number. Answers are read from the shard's events as far as they are durable, and
committed to the log together with how far was read. A shard that is away is waited for; its legs stay in the log.

Requests come from order entry alone (ZeroMQ, inner port): {"ask": N, "account", "client_id", "asset", "amount", "from",
"to"}; the answer carries `ask`. Entry asks again until it is answered, and so may a client: account and client id name
a transfer, which happens once.
"""

import logging
from typing import Any

import numpy as np
import orjson
import zmq

from config.catalog import Asset
from config.command_text import MAX_ACCOUNT, Malformed, read_whole
from consumers.own_lane import OwnLane
from consumers.source import LiveSource
from ops.run_file import PORTS
from ops.shards.layout import MAX_CLIENT_ID, name_of
from ops.shards.listings import Listings
from ops.shards.outside import OutsideError, live
from ops.shards.run import ShardsContext
from ops.shards.transfer_log import ENDED, LogError, Mark, State, Transfer, TransferLog
from ringbuf.codes import HAS_QTY, NO_ID, EventType, Op, Reason
from ringbuf.cursor import Cursor, CursorState
from ringbuf.records import COMMAND
from ringbuf.ring import Ring
from ringbuf.shm import SegmentMissing

log = logging.getLogger(__name__)

NAME = "transfers"  # of its lane and cursor on every shard, too
BATCH = 16384
REQUESTS = 256  # in one commit
SEEN_EVENTS = 1 << 17  # without an answer among them, before how far was read is noted
AGAIN_S = 1.0  # before what could not be given back is tried again
_KINDS = (EventType.DEPOSITED, EventType.WITHDRAWN, EventType.REJECTED)


class ShardLink:
    """One shard's events and lane; None while it is away."""

    def __init__(self, context: ShardsContext, shard: int, mark: Mark) -> None:
        self.shard = shard
        self.mark = mark  # as committed
        self._context = context
        self._name = name_of(context.name, shard)
        self._ring: Ring | None = None
        self._cursor: Cursor | None = None
        self.source: LiveSource | None = None
        self._lane = OwnLane(self._name, NAME)

    def attach(self) -> bool:
        """Be on the shard's memory of now; whether the shard is there."""
        if self._ring is not None and not self._ring.is_current:
            log.warning("shard %d is away", self.shard)
            self.detach()
        if self._ring is None:
            try:
                self._ring = Ring.attach(f"/{self._name}.events", "event")
            except SegmentMissing:
                return False
            self._open(self._ring)
        return self._lane.producer() is not None

    def _open(self, ring: Ring) -> None:
        if ring.epoch != self._context.epoch:
            raise OutsideError(f"shard {self.shard} is of epoch {ring.epoch}, expected {self._context.epoch}")
        if self.mark.seen > ring.published:
            raise OutsideError(
                f"shard {self.shard} ends at {ring.published}, transfers know its events up to {self.mark.seen}: "
                "its history has lost its end"
            )
        cursor = self._cursor = ring.cursor(NAME, sequence=self.mark.seen)
        wait = self._context.settings.consumers.wait
        self.source = LiveSource(ring, cursor, self._context.shards.folder(self.shard), self.mark.seen, wait)

    def answers(self) -> tuple[np.ndarray, int] | None:
        """(this lane's events of the next batch, how far it went); None = nothing new, or the shard is away."""
        if not self.attach() or self.source is None:
            return None
        lane = self._lane.producer()
        assert lane is not None
        events = self.source.next(BATCH)
        if events is None:
            return None
        own = events[(events["session"] >> 24 == lane.lane) & np.isin(events["type"], _KINDS)]
        return own, int(events["seq"][-1])

    def committed(self, mark: Mark) -> None:
        """The log has this now."""
        self.mark = mark
        if self._cursor is not None:
            self._cursor.set(mark.seen)

    def passed(self, seq: int) -> None:
        """Nothing up to here was for the log: shown, and noted with what comes."""
        if self._cursor is not None:
            self._cursor.set(seq)

    def send(self, transfer_log: TransferLog) -> bool:
        """Put in the legs that the lane never had; whether there was one."""
        if not self.attach():
            return False
        lane = self._lane.producer()
        assert lane is not None
        sent = False
        with transfer_log.reading() as txn:
            while (number := lane.base + lane.produced) < self.mark.legs:
                if lane.send(leg_command(*transfer_log.leg(txn, self.shard, number))) != 1:
                    break
                sent = True
        return sent

    def beat(self) -> None:
        """Show on the shard's ring that its reader lives."""
        if self._cursor is not None and self.source is not None:
            self._cursor.beat(CursorState.RUNNING, self.source.kind)

    def detach(self) -> None:
        """Let go of the shard's memory."""
        if self.source is not None:
            self.source.close()
        if self._cursor is not None:
            self._cursor.close()
        self._lane.close()
        if self._ring is not None:
            self._ring.close()
        self.source, self._cursor, self._ring = None, None, None


def leg_command(transfer: Transfer, answered_by: EventType, client_id: int) -> np.ndarray:
    """The COMMAND of a leg."""
    command = np.zeros(1, COMMAND)
    command["op"] = Op.WITHDRAW if answered_by == EventType.WITHDRAWN else Op.DEPOSIT
    command["account"], command["symbol"], command["qty_lots"] = transfer.account, transfer.asset, transfer.amount
    command["client_id"], command["orig_client_id"] = client_id, NO_ID
    command["mask"] = HAS_QTY
    return command


class Transfers:
    """The process (see `outside.Outside`)."""

    def __init__(self, context: ShardsContext) -> None:
        self.shards = context.shards
        try:
            self.log = TransferLog(context.data, context.epoch, self.shards.count)
        except LogError as error:
            raise OutsideError(str(error)) from error
        with self.log.reading() as txn:
            marks = [self.log.mark(txn, shard) for shard in range(self.shards.count)]
            self._any_waits = bool(self.log.waiting(txn))
        self.links = [ShardLink(context, shard, mark) for shard, mark in enumerate(marks)]
        self.listings = Listings(self.shards)
        self._zmq = zmq.Context()
        self.socket = self._zmq.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(f"tcp://{context.settings.ports.host}:{context.port_base + PORTS['transfers']}")
        self._poller = zmq.Poller()
        self._poller.register(self.socket, zmq.POLLIN)
        self._askers: dict[int, list[tuple[bytes, int]]] = {}  # by transfer
        self._again_s = 0.0

    def turn(self, is_ending: bool) -> bool:
        """Requests and answers in one commit, then the legs that follow, then who waits for what has ended."""
        requests = [] if is_ending else self._requests()
        found = [(link, batch) for link in self.links if (batch := link.answers()) is not None]
        worth = requests or any(len(own) or seq - link.mark.seen > SEEN_EVENTS for link, (own, seq) in found)
        if worth:
            self.commit(requests, found)
        else:
            for link, (_, seq) in found:
                link.passed(seq)
        sent = [link.send(self.log) for link in self.links if link.mark.legs > link.mark.answered]
        return bool(requests or found or any(sent))

    def commit(
        self, requests: list[tuple[bytes, int, Transfer]], found: list[tuple[ShardLink, tuple[np.ndarray, int]]]
    ) -> None:
        """One transaction: what was asked for, what was answered, how far each shard was read."""
        ended: list[Transfer] = []
        try:
            with self.log.writing() as txn:
                for identity, ask, asked in requests:
                    ended += self._ask(txn, identity, ask, asked)
                for link, (own, seq) in found:
                    ended += self._answers(txn, link.shard, own)
                    mark = self.log.mark(txn, link.shard)
                    mark.seen = seq
                    self.log.put_mark(txn, link.shard, mark)
                marks = [self.log.mark(txn, link.shard) for link in self.links]
        except LogError as error:
            raise OutsideError(str(error)) from error
        for link, mark in zip(self.links, marks, strict=True):
            link.committed(mark)
        for transfer in ended:
            for identity, ask in self._askers.pop(transfer.number, ()):
                self._tell(identity, ask, self._said(transfer))

    def _ask(self, txn: Any, identity: bytes, ask: int, asked: Transfer) -> list[Transfer]:
        """Begin it, or find that it was begun: then only wait for its end, or hear of it."""
        found = self.log.asked(txn, asked.account, asked.client_id)
        if found is None:
            found = self.log.ask(txn, asked)
        elif not found.same_as(asked):
            refused = {"type": "rejected", "account": asked.account, "client_id": asked.client_id}
            self._tell(identity, ask, refused | {"reason": "duplicate_client_id"})
            return []
        self._askers.setdefault(found.number, []).append((identity, ask))
        return [found] if found.state in ENDED else []

    def _answers(self, txn: Any, shard: int, own: np.ndarray) -> list[Transfer]:
        ended = []
        for event in own:
            reason = Reason(int(event["reason"])).name.lower() if event["reason"] else ""
            transfer = self.log.answer(txn, shard, EventType(int(event["type"])), int(event["qty_lots"]), reason)
            if transfer.state in ENDED:
                ended.append(transfer)
            elif transfer.state == State.WAITING:
                self._any_waits = True
                log.error("transfer %d can't be given back (%s): it is tried again", transfer.number, reason)
        return ended

    def _requests(self) -> list[tuple[bytes, int, Transfer]]:
        """What entry asks for; what is malformed is answered here."""
        found: list[tuple[bytes, int, Transfer]] = []
        while len(found) < REQUESTS:
            try:
                identity, frame = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            fields = orjson.loads(frame)
            ask = int(fields.pop("ask"))
            try:
                found.append((identity, ask, self._read(fields)))
            except Malformed as error:
                named = {key: fields[key] for key in ("account", "client_id") if type(fields.get(key)) is int}
                said = {"type": "rejected", **named, "reason": "malformed", "error": str(error)}
                self._tell(identity, ask, said)
        return found

    def _read(self, fields: dict[str, Any]) -> Transfer:
        """A request's terms. Raises Malformed."""
        account = read_whole(fields, "account", 0, MAX_ACCOUNT)
        client_id = read_whole(fields, "client_id", 0, MAX_CLIENT_ID)
        name = fields.get("asset")
        asset = self._asset(name) if type(name) is str else None
        if asset is None:
            raise Malformed("asset: expected a declared asset")
        try:
            amount = asset.scale.exact(fields.get("amount"))
        except ValueError as error:
            raise Malformed(f"amount: expected a decimal string in {asset.decimals} decimals ({error})") from error
        if amount <= 0:
            raise Malformed("amount: expected a value above zero")
        source, target = (read_whole(fields, key, 0, self.shards.count - 1) for key in ("from", "to"))
        if source == target:
            raise Malformed("to: expected another shard than from")
        return Transfer(0, account, client_id, asset.id, amount, source, target)

    def _asset(self, name: str) -> Asset | None:
        """One that every shard lists."""
        found = self.listings.catalog.find_asset(name)
        if found is None or not all(len(part.assets) > found.id for part in self.listings.parts):
            self.listings.refresh()
            found = self.listings.catalog.find_asset(name)
        everywhere = found is not None and all(len(part.assets) > found.id for part in self.listings.parts)
        return found if everywhere else None

    def _said(self, transfer: Transfer) -> dict[str, Any]:
        """How a transfer that has ended is told."""
        asset = self.listings.catalog.assets[transfer.asset]
        done = transfer.state == State.DONE
        said = {"type": "transferred" if done else "rejected", "transfer": transfer.number}
        said |= {"account": transfer.account, "client_id": transfer.client_id}
        said |= {"asset": asset.name, "amount": asset.scale.text(transfer.amount)}
        said |= {"from": transfer.source, "to": transfer.target}
        return said if done else said | {"reason": transfer.reason}

    def _tell(self, identity: bytes, ask: int, said: dict[str, Any]) -> None:
        """Answer entry; what does not reach it is asked for again."""
        self.socket.send_multipart([identity, orjson.dumps(said | {"ask": ask})], zmq.NOBLOCK)

    def look(self, now_s: float) -> None:
        """Show life; try once more what could not be given back."""
        for link in self.links:
            link.beat()
        if self._any_waits and now_s > self._again_s:
            self._again_s = now_s + AGAIN_S
            with self.log.writing() as txn:
                for transfer in self.log.waiting(txn):
                    self.log.again(txn, transfer)
                marks = [self.log.mark(txn, link.shard) for link in self.links]
            self._any_waits = False
            for link, mark in zip(self.links, marks, strict=True):
                link.committed(mark)

    def is_ready(self) -> bool:
        """It waits for shards that are away, and takes requests meanwhile."""
        return True

    def outstanding(self) -> bool:
        """What is under way stays in the log and goes on at the next start."""
        return False

    def wait(self, timeout_ms: int) -> None:
        """For a request; answers of shards are looked for every millisecond while one is awaited."""
        busy = any(link.mark.legs > link.mark.answered for link in self.links)
        self._poller.poll(1 if busy else timeout_ms)

    def close(self) -> None:
        """Let go of everything."""
        for link in self.links:
            link.detach()
        self.socket.close()
        self._zmq.term()
        self.listings.close()
        self.log.close()


def main(context: ShardsContext) -> int:
    """Run until told to stop; the exit code."""
    return live(NAME, context, Transfers)
