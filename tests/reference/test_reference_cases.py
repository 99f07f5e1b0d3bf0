"""The reference on the handwritten cases."""

import pytest

from tests.reference.cases import CASES, INSTRUMENTS, Case
from tests.reference.engine import ReferenceEngine
from tests.reference.run_case import run_case


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_reference_answers_as_written(case: Case) -> None:
    engine = ReferenceEngine(INSTRUMENTS)
    run_case(engine, case)
    engine.validate()
