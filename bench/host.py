"""A pipeline, or shards, that is measured from outside: started by `up`, driven and watched by its verbs."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.verbs.status import report

ROOT = Path(__file__).resolve().parents[1]
BASE = 26800


class Host:
    """In a folder of its own. `instruments`: a file of them; `config`: settings as text; `base`: its first port."""

    def __init__(self, folder: Path, instruments: Path, config: str = "", base: int = BASE) -> None:
        self.folder, self.data, self.base = folder, folder / "data", base
        self.name = f"matchline-bench-{os.getpid()}"
        self._config = folder / "config.toml"
        self._config.write_text(config)
        self._instruments = instruments

    def up(self, *more: str) -> None:
        """Start it."""
        files = ("--instruments", str(self._instruments), "--config", str(self._config))
        self.verb("up", "--detach", "--port-base", str(self.base), *files, *more)

    def down(self) -> None:
        """Stop it."""
        self.verb("down")

    def verb(self, verb: str, *words: str, data: Path | None = None) -> dict[str, Any]:
        """The JSON object of a verb. Raises RuntimeError where it does not end well."""
        where = ("--data", str(data or self.data), "--name", self.name, "--json")
        command = [sys.executable, "-m", "ops.cli", verb, *words, *where]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{verb} ended with {done.returncode}: {done.stderr[-500:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def look(self) -> dict[str, Any]:
        """What `status` says."""
        return report(self.data, 0.0)

    def used(self, work: Callable[[], object]) -> dict[str, int]:
        """CPU time of every process for this work, until all have caught up; ns."""
        self.settle()
        before = self.cpu_ns()
        work()
        self.settle()
        return {name: ns - before[name] for name, ns in self.cpu_ns().items()}

    def settle(self) -> None:
        """Until every consumer has caught up."""
        while any(row["lag"] for row in self.look()["consumers"].values()):
            time.sleep(0.01)

    def cpu_ns(self) -> dict[str, int]:
        """CPU time of every process so far, all its threads."""
        found = {}
        for name, row in self.look()["processes"].items():
            tasks = Path(f"/proc/{row['pid']}/task").glob("*/schedstat")
            found[name] = sum(int(task.read_text().split()[0]) for task in tasks)
        return found


@contextmanager
def host(instruments: Path, *more: str, config: str = "", base: int = BASE) -> Iterator[Host]:
    """One that is up, with `more` said to `up`, and is stopped in the end."""
    with tempfile.TemporaryDirectory(prefix="matchline-bench-") as folder:
        made = Host(Path(folder), instruments, config, base)
        made.up(*more)
        try:
            yield made
        finally:
            made.down()
