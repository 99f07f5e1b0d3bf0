"""No kernel of the engine looks up what is not there, on the handwritten cases and the model's random streams.

NUMBA_BOUNDSCHECK=1 makes compiled code check the indices of arrays. That is little here: kernels reach the state by
address, and of their arrays only the rows that `engine.views` fills, the children of a page and the tables of the
checksum are checked. What it can't see the interpreted kernels do: there each slot and each address is looked at before
it is used (`tests.engine.interpreted`).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = ("tests/engine/test_cases.py", "tests/engine/test_prices.py", "tests/engine/test_model.py")
# Interpreted kernels are slow: these of the model's streams, all of them with --long.
PART = ("-k", "not test_model or tight or stream[0] or stream[1]")
WRONG = """
import tests.engine.interpreted
from engine.core import Engine
from engine.memory import load_i64, store_i64
from engine.state import Limits, level_at, node_at, order_at, state_at

engine = Engine(Limits(max_orders=100, max_levels=100, max_nodes=100))
state = state_at(engine.state.address)
order_at(state, 1).leaves_lots = 2**63 - 1
order_at(state, 99).account = 2**32 - 1
node_at(state, 1).children[63] = 5
assert node_at(state, 1).children[63] == 5
store_i64(state.lanes + 255 * 8, 1)
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("order_at(state, 0)", "slot 0 of orders is nobody's"),
        ("order_at(state, 100)", "are in no table"),
        ("order_at(state, -1)", "are in no table"),
        ("level_at(state, 100)", "are in no table"),
        ("order_at(state, 1).leaves_lots = 2**63", "leaves_lots can't hold"),
        ("order_at(state, 1).account = -1", "account can't hold"),
        ("node_at(state, 1).children[64]", "index 64 of 64"),
        ("load_i64(state.lanes + 256 * 8)", "are in no table"),
        ("store_i64(0, 1)", "are in no table"),
    ],
)
def test_interpreted_kernels_refuse_what_is_not_there(line: str, said: str) -> None:
    done = run("-c", WRONG + line)
    assert done.returncode == 1 and "AssertionError: " in done.stderr and said in done.stderr, done.stderr


@pytest.mark.parametrize("part", [PART, pytest.param((), marks=pytest.mark.long)], ids=["part", "all"])
def test_slots_and_addresses_are_sound_in_the_model_suite(part: tuple[str, ...]) -> None:
    done = run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.engine.interpreted", *SUITE, *part)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.long
def test_indices_of_arrays_are_sound_in_the_model_suite(tmp_path: Path) -> None:
    done = run(
        "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *SUITE,
        NUMBA_BOUNDSCHECK="1", MATCHLINE_CACHE=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
