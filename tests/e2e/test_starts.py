"""Starts that must fail, and many at once: one pipeline at most, each refusal by name, nothing left behind."""

import os
import signal
import sys
import traceback
from pathlib import Path

from config.errors import ConfigError
from ops.pipeline import start
from ops.processes import PROCESSES
from ringbuf.shm import SHM_ROOT
from tests.disks import run_as_root
from tests.pipeline import INSTRUMENTS, ROOT, Pipeline, eventually

STARTS = 500
REFUSED = 2
TABLE = tuple(spec for spec in PROCESSES if spec.name in ("journal", "engine"))


def try_to_start(pipeline: Pipeline, ready: int) -> None:
    """In a child: run a pipeline, which tells its pid through `ready`; ends with 2 where another one has it."""
    code = 1
    try:
        code = start(
            pipeline.name,
            pipeline.data,
            "laptop",
            None,
            INSTRUMENTS,
            pipeline.base,
            lambda run: os.write(ready, os.getpid().to_bytes(4, "little")) and None,
            TABLE,
        )
    except ConfigError as error:
        code = REFUSED if error.args and str(error).startswith(("--data", "--name")) else 1
    except BaseException:  # noqa: BLE001  the child ends here whatever it was
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def test_of_500_starts_at_once_one_runs_and_the_others_say_why(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    reading, writing = os.pipe()
    children = []
    for _ in range(STARTS):
        child = os.fork()
        if child == 0:
            signal.alarm(300)
            try_to_start(pipeline, writing)
        children.append(child)
    os.close(writing)
    winner = int.from_bytes(os.read(reading, 4), "little")
    assert winner in children
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children if child != winner]
    assert codes == [REFUSED] * (STARTS - 1)
    assert pipeline.run_file()["supervisor"]["pid"] == winner
    os.kill(winner, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(winner, 0)[1]) == 0
    assert os.read(reading, 4) == b"", "only one was ever ready"
    os.close(reading)
    assert list(SHM_ROOT.glob(f"{pipeline.name}.*")) == []


def test_shared_memory_that_is_too_small_is_named_with_the_numbers(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    up = f"{sys.executable} -m ops.cli up --data {pipeline.data} --name {pipeline.name} --port-base {pipeline.base}"
    script = f"mount -t tmpfs -o size=4m tmpfs /dev/shm && cd {ROOT} && ({up}; echo code $?) 2>&1"
    said = run_as_root("unshare", "--mount", "sh", "-c", script)
    assert said.endswith("code 1")
    assert f"shared memory /{pipeline.name}.events: needs " in said and "/dev/shm has 41" in said
    eventually(lambda: not (pipeline.data / "run.json").exists(), "nothing is left running")
