"""What a record of a client may not say: flags that are entry's own, groups that have no end, changes of what stays."""

import random

import numpy as np
import pytest

from config.catalog import LISTING_FIELDS, Catalog, fill_list_instrument
from config.instruments import build_catalog
from engine.entry.frames import whole_groups
from engine.entry.vetting import vet
from ringbuf.codes import CMD_DISCONNECT, CMD_GROUP, CMD_POST_ONLY, GROUP_MAX, Op, Reason
from ringbuf.records import COMMAND, COMMAND_LIST_INSTRUMENT
from tests.config.cases import tables

CATALOG = build_catalog(tables())


def places(count: int) -> np.ndarray:
    commands = np.zeros(count, COMMAND)
    commands["op"], commands["account"], commands["client_id"] = Op.PLACE, 7, np.arange(count)
    return commands


def vetted(commands: np.ndarray, catalog: Catalog = CATALOG) -> list[str]:
    return vet(commands, catalog, lambda seq: None)


def test_only_entry_may_say_that_a_session_is_gone() -> None:
    commands = places(3)
    commands["op"][1], commands["flags"][1] = Op.MASS_CANCEL, CMD_DISCONNECT | CMD_POST_ONLY
    assert len(vetted(commands)) == 1
    assert commands["flags"].tolist() == [0, CMD_POST_ONLY, 0]
    assert commands["refuse"].tolist() == [0, Reason.MALFORMED, 0]
    assert (commands["client_id"] == [0, 1, 2]).all(), "its id is used up, as that of any refused command"


@pytest.mark.parametrize("count", [1, 2, GROUP_MAX])
def test_a_whole_group_passes(count: int) -> None:
    commands = places(count + 4)
    commands["flags"][2 : 2 + count - 1] = CMD_GROUP
    before = commands.copy()
    assert vetted(commands) == []
    assert commands.tobytes() == before.tobytes()


def test_groups_side_by_side_pass() -> None:
    commands = places(9)
    commands["flags"] = [CMD_GROUP, 0, CMD_GROUP, CMD_GROUP, 0, 0, CMD_GROUP, CMD_GROUP, 0]
    assert vetted(commands) == []


def is_refused(commands: np.ndarray, first: int, last: int) -> bool:
    """Exactly first … last - 1 are malformed, and in no group."""
    inside = (np.arange(len(commands)) >= first) & (np.arange(len(commands)) < last)
    wrong = vetted(commands)
    assert len(wrong) == 1 and wrong[0].startswith("flags:")
    refused = commands["refuse"] == Reason.MALFORMED
    return bool((refused == inside).all() and (commands["flags"][inside] & CMD_GROUP == 0).all())


def test_a_group_that_its_frame_cuts_off_is_malformed() -> None:
    commands = places(5)
    commands["flags"][2:] = CMD_GROUP
    assert is_refused(commands, 2, 5)


def test_a_group_of_too_many_is_malformed() -> None:
    commands = places(GROUP_MAX + 4)
    commands["flags"][1 : 1 + GROUP_MAX] = CMD_GROUP
    assert is_refused(commands, 1, GROUP_MAX + 2)


def test_a_group_with_something_else_in_it_is_malformed() -> None:
    commands = places(6)
    commands["flags"][1:3] = CMD_GROUP
    commands["op"][3] = Op.DEPOSIT
    assert is_refused(commands, 1, 4)


def test_whatever_the_flags_are_what_is_left_of_groups_is_whole() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    draw = np.random.default_rng(seed)
    for _ in range(500):
        commands = places(int(draw.integers(1, 60)))
        commands["flags"] = draw.integers(0, 256, len(commands)) | (CMD_GROUP if draw.random() < 0.5 else 0)
        commands["op"][draw.random(len(commands)) < 0.05] = Op.TIME
        vetted(commands)
        goes_on = commands["flags"] & CMD_GROUP != 0
        assert not goes_on[-1] and (commands["flags"] & CMD_DISCONNECT == 0).all(), f"seed {seed}"
        assert whole_groups(commands, len(commands)) == len(commands), f"seed {seed}"
        runs = np.diff(np.flatnonzero(np.concatenate([[True], ~goes_on, [True]])))
        assert runs.max() <= GROUP_MAX, f"seed {seed}"


def test_cutting_before_a_command_takes_its_whole_group_away() -> None:
    commands = places(6)
    commands["flags"][1:4] = CMD_GROUP
    assert [whole_groups(commands, count) for count in range(7)] == [0, 1, 1, 1, 1, 5, 6]


# --- changes of instruments -------------------------------------------------------------------------------------------


def change(**fields: int) -> np.ndarray:
    instrument = CATALOG.instruments[0]
    terms = {name: getattr(instrument, name) for name in LISTING_FIELDS} | fields
    command = np.zeros(1, COMMAND)
    fill_list_instrument(command, instrument.symbol, instrument.base, instrument.quote, terms, Op.CHANGE_INSTRUMENT)
    return command


def test_a_change_within_the_rules_passes() -> None:
    command = change(qty_max_lots=9, maker_fee_ppm=0)
    before = command.tobytes()
    assert vetted(command) == [] and command.tobytes() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"lot_base_units": 20_000}, {"tick_lot_quote_units": 2}, {"price_min_ticks": 0}, {"maker_fee_ppm": 2_000_000},
        {"price_min_ticks": 9, "price_max_ticks": 8}, {"qty_min_lots": 9, "qty_max_lots": 8}, {"qty_max_lots": -1},
    ],
)  # fmt: skip
def test_a_change_beyond_the_rules_is_malformed(fields: dict[str, int]) -> None:
    command = change(**fields)
    assert len(vetted(command)) == 1
    assert command["op"][0] == Op.MALFORMED


def test_a_change_of_base_or_quote_is_malformed() -> None:
    command = change()
    row = command.view(COMMAND_LIST_INSTRUMENT)
    row["base"], row["quote"] = 0, 1
    assert len(vetted(command)) == 1


def test_a_change_of_what_is_not_listed_is_refused_as_that() -> None:
    command = change()
    command.view(COMMAND_LIST_INSTRUMENT)["name"] = b"X"
    assert vetted(command) == []
    assert (command["op"][0], command["refuse"][0]) == (Op.CHANGE_INSTRUMENT, Reason.UNKNOWN_SYMBOL)
