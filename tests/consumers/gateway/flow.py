"""A random flow of orders through a lane of its own: books that move, and trade."""

import itertools
import random

import numpy as np

from client.python.commands import cancel, place
from client.python.lane_client import LaneClient
from ringbuf.codes import Op, Side, Tif
from ringbuf.records import COMMAND
from tests.pipeline import Pipeline, eventually

LANE = "flow"
BATCH = 512
MIDDLE = 5_000_000  # ticks of BTC-USDT
ACCOUNTS = (70, 71)


class Flow:
    """Sends seeded commands and hears their answers; each side has an account of its own, so nobody trades alone."""

    def __init__(self, running: Pipeline, seed: int) -> None:
        self.running = running
        self.client = LaneClient(running.name, LANE)
        self._random = random.Random(seed)
        self._numbers = itertools.count(10)
        self._marks = 0
        self._open: list[tuple[int, int]] = []  # account, client id

    def fund(self, assets: int = 2) -> None:
        """Plenty of every asset."""
        commands = np.zeros(assets * len(ACCOUNTS), COMMAND)
        for row, (account, asset) in zip(commands, itertools.product(ACCOUNTS, range(assets)), strict=True):
            row["op"], row["account"], row["client_id"], row["symbol"] = Op.DEPOSIT, account, 1 + asset, asset
            row["qty_lots"] = 10**15
        self.send(commands)

    def orders(self, number: int, width: int = 400) -> None:
        """Orders around the middle, `width` ticks to each side; a third of them takes, a quarter is taken back."""
        left = number
        while left > 0:
            batch = [self._one(width) for _ in range(min(left, BATCH))]
            left -= len(batch)
            self.send(np.concatenate(batch))

    def trades(self, number: int) -> None:
        """Pairs of orders that trade with one another at one price, and leave nothing."""
        for begin in range(0, number, BATCH // 2):
            batch = []
            for _ in range(min(BATCH // 2, number - begin)):
                for account, side, tif in zip(ACCOUNTS, (Side.SELL, Side.BUY), (Tif.GTC, Tif.IOC), strict=True):
                    batch.append(place(account, next(self._numbers), 0, side, 1, price_ticks=MIDDLE, tif=tif))
            self.send(np.concatenate(batch))

    def _one(self, width: int) -> np.ndarray:
        dice = self._random
        if self._open and dice.random() < 0.25:
            account, client_id = self._open.pop(dice.randrange(len(self._open)))
            return cancel(account, next(self._numbers), orig_client_id=client_id)
        side = dice.choice((Side.BUY, Side.SELL))
        number, away = next(self._numbers), dice.randrange(1, width)
        takes = dice.random() < 0.33
        ticks = MIDDLE + (away if (side == Side.BUY) == takes else -away)
        account = ACCOUNTS[side]
        if not takes:
            self._open.append((account, number))
        tif = Tif.IOC if takes else Tif.GTC
        return place(account, number, 0, side, dice.randrange(1, 2000), price_ticks=ticks, tif=tif)

    def mark(self) -> str:
        """An order far from all others that rests: the price of its level, where nothing was."""
        self._marks += 1
        self.send(place(ACCOUNTS[0], next(self._numbers), 0, Side.BUY, 1, price_ticks=self._marks))
        return f"0.{self._marks:02d}"

    def clear(self) -> None:
        """Take back what is open."""
        for begin in range(0, len(self._open), BATCH):
            part = self._open[begin : begin + BATCH]
            self.send(np.concatenate([cancel(a, next(self._numbers), orig_client_id=n) for a, n in part]))
        self._open = []

    def send(self, commands: np.ndarray) -> None:
        """Until all are answered."""
        sent = answered = 0
        while sent < len(commands):
            sent += self.client.send(commands[sent:])

        def is_done() -> bool:
            nonlocal answered
            answered += self.client.own_answers(self.client.receive(500))
            return answered >= len(commands)

        eventually(is_done, f"{len(commands)} answers")

    def close(self) -> None:
        """Give the lane up."""
        self.client.close()
