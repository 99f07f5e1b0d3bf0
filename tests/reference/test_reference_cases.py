"""The reference on the handwritten cases."""

import pytest

from tests.reference.case import Case
from tests.reference.cases import CASES
from tests.reference.engine import ReferenceEngine
from tests.reference.run_case import run_case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_reference_answers_as_written(case: Case) -> None:
    engine = ReferenceEngine(case.instruments)
    run_case(engine, case)
    engine.validate()
