"""Who administers a module's pipeline, its fixture `running`."""

import pytest

from tests.ops.admin.asking import Admin
from tests.pipeline import Pipeline, eventually


@pytest.fixture(scope="module")
def admin(running: Pipeline) -> Admin:
    made = Admin(running)
    eventually(lambda: made.ask("GET", "/money").status == 200, "the key is known")
    return made
