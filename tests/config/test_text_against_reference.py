"""What is malformed, by the text reader and by the plain reference, which was written from the same pages apart."""

import random
from typing import Any

from config.json_commands import decode_all
from tests.config.cases import tables
from tests.config.test_text_properties import CATALOG, ROUNDS, anything
from tests.reference import commands
from tests.reference.engine import ReferenceEngine
from tests.reference.units import Refused

REFERENCE = ReferenceEngine(tables())
LISTINGS = ("list_asset", "list_instrument")  # the reference reads their text where it lists


def is_malformed(value: Any) -> bool:
    """Whether the reference refuses the text of a command, or of a member of a group."""
    try:
        command = commands.read_line(value if isinstance(value, dict) else {})
        commands.check(command, REFERENCE.assets, REFERENCE.instruments)
        for member in command["commands"] if command["op"] == "group" else []:
            commands.check_member(commands.without_nulls(member), command["account"], REFERENCE.instruments)
    except Refused as refused:
        return refused.reason == "malformed"
    return False


def test_both_find_the_same_texts_malformed() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    draw = random.Random(seed)
    found = [0, 0]
    for at in range(ROUNDS):
        value = anything(draw)
        if isinstance(value, dict) and value.get("op") in LISTINGS:
            continue
        _, wrong = decode_all(value, CATALOG)
        assert (wrong is not None) == is_malformed(value), f"seed {seed}, round {at}: {wrong}: {value}"
        found[wrong is not None] += 1
    assert min(found) > ROUNDS // 20, f"seed {seed}: {found}"
