"""A market for clients to trade in: two accounts that quote on both sides of a middle, a third that takes a little."""

import itertools
import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from client.python.commands import cancel, place
from client.python.entry_client import EntryClient
from ringbuf.codes import Op, Side, Tif
from ringbuf.records import COMMAND
from tests.pipeline import Pipeline, eventually

BTC_USDT = 0
MIDDLE = 5_000_000  # ticks: 50000.00
WIDTH = 200  # ticks from the middle, within which orders come and go
BUYER, SELLER, TAKER = 90, 91, 92
DEEP_LOTS = 200_000  # rests at WIDTH on both sides: nobody takes it all
OPEN = 60  # orders of the flow's at a time, about
STEP_S = 0.03


class Market:
    """Makes the market until it is told to stop; a thread of its own."""

    def __init__(self, running: Pipeline, seed: int) -> None:
        self._client = EntryClient(running.endpoint)
        self._random = random.Random(seed)
        self._numbers = itertools.count(10)
        self._open: list[tuple[int, int]] = []  # account, client id
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._making: Future[None] | None = None
        self._fund()

    def _fund(self) -> None:
        commands = np.zeros(6, COMMAND)
        for row, (account, asset) in zip(commands, itertools.product((BUYER, SELLER, TAKER), (0, 1)), strict=True):
            row["op"], row["account"], row["client_id"], row["symbol"] = Op.DEPOSIT, account, 1 + asset, asset
            row["qty_lots"] = 10**15
        self._send([commands])
        self._send([self._order(Side.BUY, WIDTH, DEEP_LOTS), self._order(Side.SELL, WIDTH, DEEP_LOTS)])

    def begin(self) -> None:
        """Make the market, from here on beside the caller."""
        self._over.clear()
        self._making = self._pool.submit(self._make)

    def stop(self) -> None:
        """Nothing comes any more; what is open stays. Raises what the making of it ended with."""
        self._over.set()
        if self._making is not None:
            making, self._making = self._making, None
            making.result()

    def close(self) -> None:
        """Stop, and leave."""
        try:
            self.stop()
        finally:
            self._pool.shutdown()
            self._client.close()

    def _make(self) -> None:
        while not self._over.wait(STEP_S):
            self._send(self._step())

    def _step(self) -> list[np.ndarray]:
        dice = self._random
        step = []
        for side in (Side.BUY, Side.SELL):
            order = self._order(side, dice.randrange(1, WIDTH), dice.randrange(1, 3000))
            self._open.append((int(order["account"][0]), int(order["client_id"][0])))
            step.append(order)
        while len(self._open) > OPEN:
            account, number = self._open.pop(dice.randrange(len(self._open)))
            step.append(cancel(account, next(self._numbers), orig_client_id=number))
        if dice.random() < 0.5:
            side = dice.choice((Side.BUY, Side.SELL))
            ticks = MIDDLE + (WIDTH if side == Side.BUY else -WIDTH)
            lots = dice.randrange(1, 500)
            step.append(place(TAKER, next(self._numbers), BTC_USDT, side, lots, price_ticks=ticks, tif=Tif.IOC))
        return step

    def _order(self, side: Side, away: int, lots: int) -> np.ndarray:
        account, ticks = (BUYER, MIDDLE - away) if side == Side.BUY else (SELLER, MIDDLE + away)
        return place(account, next(self._numbers), BTC_USDT, side, lots, price_ticks=ticks)

    def _send(self, commands: list[np.ndarray]) -> None:
        """Until all are answered."""
        batch = np.concatenate(commands)
        answered = 0
        eventually(lambda: self._client.send(batch), "room in the queue to entry")

        def is_done() -> bool:
            nonlocal answered
            answered += self._client.own_answers(self._client.receive(100))
            return answered >= len(batch)

        eventually(is_done, f"{len(batch)} answers")
