"""Every interleaving of the ring's protocol on a tiny ring: no torn record, no silent gap.

The model runs with the same steps as ringbuf.ring_kernels, each atomic: the writer claims, writes a record in two
halves, publishes; the reader loads `published`, copies half by half, loads `claimed`, accepts or is lapped. The
writer may be killed between any two steps and replaced by one that reattaches. A second model without one of
the protocol's rules must fail: so the check can see what it looks for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

CAPACITY = 4
LAST_SEQ = 9
CRASHES = 1


@dataclass(frozen=True)
class Rules:
    """Which parts of the protocol the model keeps."""

    rechecks: bool = True  # the reader looks at `claimed` after the copy
    claims_first: bool = True  # the writer claims before it writes
    keeps_claims: bool = True  # a successor does not lower `claimed`
    chunk: int = 1


@dataclass(frozen=True)
class World:
    """Shared memory, and where writer and reader stand."""

    claimed: int = 0
    published: int = 0
    slots: tuple[tuple[int, int], ...] = ((0, 0),) * CAPACITY
    writer_step: int = 0  # 0 claim, 1 first half, 2 second half, 3 publish
    crashes: int = 0
    reader_step: int = 0  # 0 load published, 1.. copy halves, then re-check
    last: int = 0  # the reader's position
    limit: int = 0
    copied: tuple[int, ...] = ()


class Torn(AssertionError):
    """The reader accepted something that it must not."""


def writer_moves(world: World, rules: Rules) -> Iterator[World]:
    seq = world.published + 1
    if world.crashes < CRASHES:
        claimed = world.claimed if rules.keeps_claims else world.published
        yield replace(world, writer_step=0, claimed=claimed, crashes=world.crashes + 1)
    if seq > LAST_SEQ:
        return
    if world.writer_step == 0:
        target = max(world.claimed, seq + rules.chunk - 1) if rules.claims_first else world.claimed
        yield replace(world, writer_step=1, claimed=target)
    elif world.writer_step in (1, 2):
        slots = list(world.slots)
        first, second = slots[seq % CAPACITY]
        slots[seq % CAPACITY] = (seq, second) if world.writer_step == 1 else (first, seq)
        yield replace(world, writer_step=world.writer_step + 1, slots=tuple(slots))
    else:
        claimed = world.claimed if rules.claims_first else max(world.claimed, seq)
        yield replace(world, writer_step=0, published=seq, claimed=claimed)


def reader_moves(world: World, rules: Rules) -> Iterator[World]:
    first = world.last + 1
    if world.reader_step == 0:
        limit = min(world.published, world.last + CAPACITY)
        if limit > world.last:
            if world.claimed - first >= CAPACITY:
                yield lapped(world)
            else:
                yield replace(world, reader_step=1, limit=limit, copied=())
    elif len(world.copied) < 2 * (world.limit - world.last):
        record, half = divmod(len(world.copied), 2)
        value = world.slots[(first + record) % CAPACITY][half]
        yield replace(world, copied=(*world.copied, value))
    elif rules.rechecks and world.claimed - first >= CAPACITY:
        yield lapped(world)
    else:
        expected = tuple(seq for seq in range(first, world.limit + 1) for _ in range(2))
        if world.copied != expected:
            raise Torn(f"accepted {world.copied} as {expected}")
        yield replace(world, reader_step=0, last=world.limit, copied=(), limit=0)


def lapped(world: World) -> World:
    """The reader knows of the gap, catches up elsewhere, and comes back at `published`."""
    return replace(world, reader_step=0, last=world.published, copied=(), limit=0)


def explore(rules: Rules) -> int:
    """Visit every reachable world; returns how many there are."""
    seen = {World()}
    todo = [World()]
    while todo:
        world = todo.pop()
        for following in (*writer_moves(world, rules), *reader_moves(world, rules)):
            if following not in seen:
                seen.add(following)
                todo.append(following)
    assert any(world.last == LAST_SEQ for world in seen)
    return len(seen)


def fails(rules: Rules) -> bool:
    try:
        explore(rules)
    except Torn:
        return True
    return False


def test_no_interleaving_gives_a_torn_record_or_a_silent_gap():
    assert explore(Rules()) > 10_000
    assert explore(Rules(chunk=2)) > 10_000


def test_without_the_second_look_at_claimed_the_model_finds_a_torn_record():
    assert fails(Rules(rechecks=False))


def test_without_claiming_first_the_model_finds_a_torn_record():
    assert fails(Rules(claims_first=False))


def test_a_successor_that_lowers_the_claim_gives_a_torn_record():
    assert fails(Rules(keeps_claims=False))
