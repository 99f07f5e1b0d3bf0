"""Random records through the engine: whatever they say, each is answered, nothing breaks, no money comes or goes.

Run as `-m tests.engine.fuzz SEED COUNT [vet]`, a process of its own, so that a crash of compiled code is an exit code.
With `vet` records go to the engine as those from a socket do, without as those of a trusted producer (which brings no
bust that never was).

After every frame: an answer a record, one FLAG_LAST for each of them and of the engine's own steps, sequences without
a gap. Every few frames: all of `tests.engine.invariants`; the events alone, folded by an engine whose tables are
scattered in another way, give the same state. Where something fails the run is repeated with a look after every frame,
to name it.
"""

import sys
from collections import Counter

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from config.catalog import Catalog
from config.instruments import build_catalog
from engine.core import Engine
from engine.entry.vetting import vet
from engine.state import Limits
from ringbuf.codes import FLAG_LAST, FLAG_MORE, STEP_SESSION, EventType, Reason
from ringbuf.cuts import cuts
from tests.engine.fuzz_records import RecordSource
from tests.engine.invariants import check_everything
from tests.reference.stream import INSTRUMENTS

LIMITS = Limits(
    max_orders=48, max_levels=24, max_nodes=256, max_accounts=8, max_balances=64, max_instruments=12, max_assets=12,
    max_busted=2048, max_events=64, max_account_orders=20, max_symbol_trailing=4,
)  # fmt: skip
CHECK_EVERY = 25
LAST_WORDS = 20  # records at the end whose time is an extreme one


class Run:
    """One engine and all that is looked at."""

    def __init__(self, seed: int, vetted: bool) -> None:
        self.vetted = vetted
        self.source = RecordSource(seed, invents_busts=vetted)
        self.engine, self.folded = Engine(LIMITS, seed), Engine(LIMITS, seed + 1)
        self.records = [self.engine.run(build_catalog(INSTRUMENTS).seed_commands())]
        self.catalog, self.trades = Catalog.from_events(self.records[0]), dict[int, np.void]()
        self.seen: Counter[str] = Counter()

    def take(self, frame: np.ndarray) -> None:
        """One frame and the checks of its answer."""
        if self.vetted:
            vet(frame, self.catalog, self.trades.get)
        last = self.engine.seq
        events = self.engine.run(frame)
        check_answer(events, last, len(frame))
        self.catalog.fold_all(events)
        for event in events:
            self.seen[f"{EventType(event['type']).name} {Reason(event['reason']).name}"] += 1
            if event["type"] == EventType.TRADE:
                self.trades[int(event["seq"])] = event
        self.source.saw(events)
        self.records.append(events)

    def look(self) -> None:
        """The checks of the state."""
        check_everything(self.engine)
        self.folded.apply(np.concatenate(self.records))
        self.records.clear()
        assert self.folded.state_hash() == self.engine.state_hash(), "the events, folded, give another state"
        check_everything(self.folded)


def check_answer(events: np.ndarray, last_seq: int, count: int) -> None:
    """An answer a record, the last event being the last of an answer or step; sequences go on without a gap."""
    flagged = events[(events["flags"] & FLAG_LAST) != 0]
    answers = np.count_nonzero(flagged["session"] != STEP_SESSION)
    assert answers == count, f"{answers} answers to {count} records"
    assert cuts(events)[-1], "the history may not be cut behind the last event"
    assert (flagged["flags"] & FLAG_MORE != 0).sum() == (events["flags"] & FLAG_MORE != 0).sum(), "MORE without LAST"
    assert events["seq"].tolist() == list(range(last_seq + 1, last_seq + 1 + len(events))), "sequences have a gap"


def run(seed: int, count: int, vetted: bool, check_every: int = CHECK_EVERY) -> Counter[str]:
    """Raises AssertionError, naming the frame; returns how many events of each type and reason there were."""
    going = Run(seed, vetted)
    for number in range(count):
        frame = going.source.last_words() if number >= count - LAST_WORDS else going.source.frame()
        asked = frame.copy()
        try:
            going.take(frame)
            if number % check_every == 0 or number == count - 1:
                going.look()
        except (AssertionError, ValueError) as error:  # ValueError: a type, reason or name that nobody knows
            if check_every > 1:
                run(seed, number + 1 + LAST_WORDS, vetted, check_every=1)
            raise AssertionError(f"seed {seed}, frame {number}: {error}\n{asked}") from error
    return going.seen


if __name__ == "__main__":
    for what, times in sorted(run(int(sys.argv[1]), int(sys.argv[2]), "vet" in sys.argv[3:]).items()):
        print(f"{times:>8} {what}")
