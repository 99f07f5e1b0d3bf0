"""What of a server is on this machine: programs, client libraries, and what was built for the tests once."""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / "var" / "servers"
BUILD_S = 1800.0
BESIDES_PATH = ("/usr/sbin", "/usr/local/go/bin")


class CannotBuild(RuntimeError):
    """A server that is not in Debian could not be fetched or built; says the tool's own words."""


def program(name: str, *folders: str) -> str:
    """Path of a program, looked for in PATH, in those folders and where Debian hides some; "" when it is not there."""
    return shutil.which(name) or shutil.which(name, path=":".join([*folders, *BESIDES_PATH])) or ""


def lacking(programs: dict[str, str], client: str) -> str:
    """Which of the programs (each with what brings it) and client library is not there; "" when all are."""
    lacks = [f"{name} is not installed ({source})" for name, source in programs.items() if not program(name)]
    if importlib.util.find_spec(client) is None:
        lacks.append(f"Python package {client} is not installed (optional dependencies `sinks`)")
    return "; ".join(lacks)


def built(name: str, recipe: str, build: Callable[[Path], None], cache: Path = CACHE) -> Path:
    """Folder that `build` has filled: once for each recipe, however many test processes ask for it at a time."""
    folder = cache / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    stamp = folder / "complete"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            stamp.touch()
    return folder


def run(*command: str, cwd: Path, **environment: str) -> None:
    """One step of a build."""
    try:
        done = subprocess.run(
            ["env", *(f"{key}={value}" for key, value in environment.items()), *command],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise CannotBuild(f"{' '.join(command)} took more than {BUILD_S:.0f} s") from late
    if done.returncode:
        raise CannotBuild(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()[-1000:]}")
