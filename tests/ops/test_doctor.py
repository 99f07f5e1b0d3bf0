"""What doctor says of this host."""

import json

import pytest

from ops.cli import main
from ops.host_checks import CHECKS


def test_every_check_has_what_the_report_promises(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) in (0, 1)
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert len(checks) == len(CHECKS)
    for check in checks:
        assert set(check) == {"name", "value", "ok", "why", "mend"}
        assert check["ok"] == (check["mend"] == "")


def test_strict_fails_exactly_when_something_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--strict", "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert code == (0 if all(check["ok"] for check in checks) else 1)
