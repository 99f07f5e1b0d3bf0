"""Whether the suite notices a mutant: on a broken copy of the repository, kernels as plain Python, something fails."""

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from tests.engine.mutants.listed import Mutant

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("config", "engine", "ringbuf", "bench", "consumers", "ops", "client", "tests", "pyproject.toml")
SUITE = (
    "tests/engine/test_cases.py",
    "tests/engine/test_prices.py",
    "tests/engine/test_refusals.py",
    "tests/engine/test_group.py",
    "tests/engine/test_model.py",
    "tests/engine/test_delisting.py",
    "tests/engine/test_apply.py",
    "tests/engine/test_snapshot.py",
)
CPU_S = 240  # several times what the suite takes: then the broken engine goes round for ever, which is noticed too


class Verdict(NamedTuple):
    """What the suite said."""

    killed: bool
    by: str


def copy_to(target: Path) -> None:
    """The tracked files that the suite needs, as they are now."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *FOLDERS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


def run_suite(copy: Path) -> tuple[int, str]:
    """pytest's exit code (0 passed, 1 failed, negative: ended by a signal) and what it printed."""
    environment = os.environ | {
        "MATCHLINE_SHRINK_TRIES": "0", "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"]
    command += ["-p", "tests.engine.interpreted", *SUITE]
    limited = ["sh", "-c", f'ulimit -t {CPU_S}; exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=copy, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def judge(copy: Path, mutant: Mutant) -> Verdict:
    """Break the copy, run the suite, mend the copy."""
    path = copy / mutant.file
    whole = path.read_text()
    if whole.count(mutant.old) != 1:
        return Verdict(False, f"its text stands {whole.count(mutant.old)} times in {mutant.file}")
    path.write_text(whole.replace(mutant.old, mutant.new))
    try:
        code, said = run_suite(copy)
    finally:
        path.write_text(whole)
    if code == -signal.SIGKILL or code == -signal.SIGXCPU:
        return Verdict(True, f"no end after {CPU_S} s of work")
    failed = [line for line in said.splitlines() if line.startswith("FAILED ")]
    if code == 1 and failed:
        return Verdict(True, failed[0].removeprefix("FAILED ")[:150])
    return Verdict(False, "the suite passes" if code == 0 else f"pytest ended with {code}: {said[-1500:]}")


def judge_all(mutants: list[Mutant], unbroken: Path, jobs: int) -> list[Mutant]:
    """Judge them over so many copies at once, say what became of each; those that were not killed."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    survivors: list[Mutant] = []

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="matchline-mutants-") as folder:
            copy = Path(shutil.copytree(unbroken, Path(folder) / "copy"))
            while True:
                try:
                    mutant = waiting.get_nowait()
                except queue.Empty:
                    return
                verdict = judge(copy, mutant)
                if not verdict.killed:
                    survivors.append(mutant)
                word = "killed  " if verdict.killed else "SURVIVED"
                print(f"{word} {mutant.name}: {mutant.breaks}\n           {verdict.by}", flush=True)

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return survivors


def judge_copy(mutants: list[Mutant], jobs: int) -> list[Mutant]:
    """Those that the suite, which passes on an unbroken copy of the repository as it is now, does not kill."""
    with tempfile.TemporaryDirectory(prefix="matchline-unbroken-") as folder:
        copy_to(Path(folder))
        code, said = run_suite(Path(folder))
        assert code == 0, f"the suite fails on an unbroken copy, pytest ended with {code}: {said[-3000:]}"
        return judge_all(mutants, Path(folder), jobs)
