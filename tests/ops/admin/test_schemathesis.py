"""schemathesis at the admin API: what its OpenAPI document allows and forbids is answered as the document says."""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.admin.server import ENDPOINTS
from tests.clients.installed import missing, python
from tests.ops.admin.asking import Admin
from tests.pipeline import ROOT, Pipeline, pipeline

RECIPES = Path(__file__).parent
EXAMPLES, LONG_EXAMPLES = 12, 3000
DRIVER_S = 3600


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    if why := missing("schemathesis", RECIPES):
        pytest.skip(why)
    with pipeline(tmp_path_factory.mktemp("schemathesis"), web=True) as made:
        made.up()
        made.report("send", json.dumps({"op": "deposit", "account": 1, "asset": "USDT", "amount": "9", "client_id": 1}))
        yield made


def driven(running: Pipeline, admin: Admin, examples: int) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    asked = {"port": admin.port, "key": admin.client.key, "secret": admin.client.secret, "seed": seed}
    command = [str(python("schemathesis", RECIPES)), "-m", "tests.ops.admin.drive_schemathesis"]
    pid = running.pid("admin")
    done = subprocess.run(
        [*command, json.dumps({**asked, "examples": examples})],
        cwd=ROOT, capture_output=True, text=True, timeout=DRIVER_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert not told["wrong"], json.dumps(told["wrong"], indent=1)
    of_all = sum(map(Counter, told["statuses"].values()), Counter())
    print(of_all)
    for each in ENDPOINTS:
        label = f"{each.method} {each.path}"
        assert sum(told["statuses"][f"{label} positive"].values()) > 0, label
    assert {"200", "400"} <= of_all.keys() and "401" not in of_all, "signed as it should be"
    assert (running.pid("admin"), running.restarts("admin")) == (pid, 0)
    assert b"Traceback" not in (running.data / "logs" / "admin.log").read_bytes()
    running.settled()
    assert running.report("reconcile")["ok"]


def test_what_the_document_says_is_what_is_answered(running: Pipeline, admin: Admin) -> None:
    driven(running, admin, EXAMPLES)


@pytest.mark.long
def test_the_same_for_long(running: Pipeline, admin: Admin) -> None:
    driven(running, admin, LONG_EXAMPLES)
