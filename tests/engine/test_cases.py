"""The real engine on the handwritten cases."""

import pytest

from tests.engine.fast import FastEngine
from tests.engine.model import tables_of
from tests.reference.case import Case
from tests.reference.cases import CASES
from tests.reference.limits import ROOMY
from tests.reference.run_case import run_case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_engine_answers_as_written(case: Case) -> None:
    run_case(FastEngine(case.instruments, tables_of(ROOMY)), case)
