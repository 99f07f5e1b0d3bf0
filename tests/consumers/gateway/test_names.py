"""Names of orders: given once, kept, never two for one number; whatever dies."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.api_keys import ApiKeys, create_key, revoke_key
from consumers.gateway.listen_keys import VALID_MS, ListenKeys
from consumers.gateway.names import LISTS, Names
from consumers.gateway.own_store import copy_own_store, own_store
from tests.pipeline import ROOT

MAP = 1 << 30


@contextmanager
def opened(folder: Path, sync: bool = False) -> Iterator[Names]:
    with own_store(folder, 5, sync, MAP) as store:
        yield Names(store, sync)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def test_names_are_found_both_ways_by_account_and_kind(tmp_path: Path) -> None:
    with opened(tmp_path) as names:

        async def give() -> list[int]:
            return list(await asyncio.gather(*(names.give(account, "x", 10) for account in (1, 2, 1 << 31, 255, 256))))

        assert run(give()) == [11] * 5
        run(names.put(1, "x", 77, LISTS))
        assert [names.number(account, "x") for account in (1, 2, 3)] == [11, 11, None]
        assert names.number(1, "x", LISTS) == 77
        assert (names.name(1, 11), names.name(1, 12), names.name(3, 11)) == ("x", "12", "11")
        assert [names.last_number(account) for account in (1, 255, 256, 257)] == [11, 11, 11, 0]


def test_a_number_that_has_a_name_is_never_given_to_another(tmp_path: Path) -> None:
    for sync in (False, True):
        with opened(tmp_path / str(sync), sync) as names:

            async def give(names: Names = names) -> list[int]:
                found = await asyncio.gather(*(names.give(1, f"n{at}", at % 7) for at in range(50)))
                return [*found, *[await names.give(1, f"m{at}", 0) for at in range(5)]]

            numbers = run(give())
            assert len(set(numbers)) == len(numbers) == 55
            assert all(names.name(1, number) == name for name, number in zip(
                [*(f"n{at}" for at in range(50)), *(f"m{at}" for at in range(5))], numbers, strict=True
            ))  # fmt: skip


def test_a_name_given_anew_means_the_new_order_and_the_old_one_keeps_it(tmp_path: Path) -> None:
    with opened(tmp_path) as names:
        first = run(names.give(1, "mine", 0))
        second = run(names.give(1, "mine", 0))
        assert second > first and names.number(1, "mine") == second
        assert names.name(1, first) == names.name(1, second) == "mine"


GIVER = """
import asyncio, sys
from pathlib import Path
from consumers.gateway.names import Names
from consumers.gateway.own_store import copy_own_store, own_store

async def give():
    with own_store(Path(sys.argv[1]), 5, False, 1 << 30) as store:
        names = Names(store, False)
        for at in range(1000000):
            print(sys.argv[2] + str(at), await names.give(1, sys.argv[2] + str(at), 0), flush=True)

asyncio.run(give())
"""


def test_two_gateways_give_no_number_twice_and_what_was_given_outlives_a_kill(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    command = [sys.executable, "-c", GIVER, str(tmp_path)]
    givers = [
        subprocess.Popen([*command, letter], cwd=ROOT, stdout=subprocess.PIPE, text=True) for letter in ("a", "b")
    ]
    said: dict[str, int] = {}
    for giver in givers:
        assert giver.stdout is not None
        for _ in range(rng.randrange(50, 300)):
            name, number = giver.stdout.readline().split()
            said[name] = int(number)
    for giver in givers:
        os.kill(giver.pid, signal.SIGKILL)
        rest = giver.communicate()[0].splitlines()
        said |= {line.split()[0]: int(line.split()[1]) for line in rest if len(line.split()) == 2}
    assert len(set(said.values())) == len(said)
    with opened(tmp_path) as names:
        assert all(names.number(1, name) == number for name, number in said.items())
        assert run(names.give(1, "after", 0)) > max(said.values())


def test_a_backup_has_the_names_and_no_listen_key(tmp_path: Path) -> None:
    keys = ApiKeys(tmp_path)
    made, _ = create_key(tmp_path, 1, ["read"])
    keys.refresh()
    with own_store(tmp_path / "data", 5, False, MAP) as store:
        number = run(Names(store, False).give(1, "kept", 0))
        token = ListenKeys(store, keys).create(made, 1000)
        assert ListenKeys(store, keys).owner(token, 1000) == made
    assert copy_own_store(tmp_path / "data", tmp_path / "copy")
    with own_store(tmp_path / "copy", 5, False, MAP) as store:
        assert Names(store, False).number(1, "kept") == number
        assert ListenKeys(store, keys).owner(token, 1000) is None
    assert not copy_own_store(tmp_path / "nowhere", tmp_path / "other")


def test_a_listen_key_is_prolonged_by_the_hour_and_ends_with_its_api_key(tmp_path: Path) -> None:
    keys = ApiKeys(tmp_path)
    made, _ = create_key(tmp_path, 1, ["read"])
    keys.refresh()
    with own_store(tmp_path / "data", 5, False, MAP) as store:
        listen = ListenKeys(store, keys)
        token = listen.create(made, 0)
        assert listen.create(made, VALID_MS - 1) == token
        assert listen.owner(token, 2 * VALID_MS - 2) == made
        assert listen.owner(token, 2 * VALID_MS - 1) is None
        fresh = listen.create(made, 2 * VALID_MS)
        assert fresh != token and listen.owner(token, 2 * VALID_MS) is None
        assert revoke_key(tmp_path, made.key)
        keys.refresh()
        assert listen.owner(fresh, 2 * VALID_MS) is None
