"""The table of verbs."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.cli import VERBS, main, split_verb

ROOT = Path(__file__).resolve().parents[2]


def test_global_options_may_stand_before_or_after_the_verb() -> None:
    assert split_verb(["--data", "x", "status", "--json"]) == ("status", ["--data", "x", "--json"])
    assert split_verb(["status", "--data", "x"]) == ("status", ["--data", "x"])
    assert split_verb(["--data", "x"]) == (None, ["--data", "x"])


def test_an_unknown_verb_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert "no verb 'fly'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_answers_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"run.sh {verb}" in capsys.readouterr().out


def test_status_without_a_pipeline_is_exit_code_2_and_names_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--data", str(tmp_path), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--data" in captured.err


def test_down_without_a_pipeline_is_well(tmp_path: Path) -> None:
    assert main(["down", "--data", str(tmp_path)]) == 0


def test_help_never_waits_for_the_engine_to_be_compiled() -> None:
    program = (
        "import sys; from ops.cli import VERBS, main; [main([verb, '--help']) for verb in VERBS]; "
        "sys.exit(', '.join(name for name in sys.modules if name.startswith('engine.')) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
