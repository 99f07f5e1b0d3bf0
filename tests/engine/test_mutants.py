"""The suite notices every small way in which the engine is broken on purpose."""

from pathlib import Path

import pytest

from tests.engine.mutants.judge import judge_copy
from tests.engine.mutants.listed import Mutant, listed

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = listed()


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutants_text_stands_once_in_the_engine(mutant: Mutant) -> None:
    count = (ROOT / mutant.file).read_text().count(mutant.old)
    assert count == 1, f"{mutant.name}: its text stands {count} times in {mutant.file}; it has to follow the code"


def test_there_are_many_mutants_with_a_name_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) > 100


@pytest.mark.long
def test_the_suite_kills_every_mutant() -> None:
    assert [mutant.name for mutant in judge_copy(MUTANTS, jobs=2)] == []
