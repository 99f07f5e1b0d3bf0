"""The real engine on the handwritten cases."""

import pytest

from tests.engine.fast import FastEngine
from tests.engine.model import SUPPORTED
from tests.reference.case import Case
from tests.reference.cases import CASES
from tests.reference.run_case import run_case

SPOKEN = [case for case in CASES if case.features <= SUPPORTED]


@pytest.mark.parametrize("case", SPOKEN, ids=[case.name for case in SPOKEN])
def test_engine_answers_as_written(case: Case) -> None:
    run_case(FastEngine(case.instruments), case)
