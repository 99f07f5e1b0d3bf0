"""An environment of their own for the peers, made once: pinned wheels from PyPI, nothing built, nothing of ours."""

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from ringbuf.jit import ROOT

# Matching engines with limit orders and cancels that PyPI serves as wheels for this Python.
PEERS = {
    "nanobook": "0.19.2",
    "obook": "0.1.0",
    "cython-orderbook": "0.1.2",
    "lightmatchingengine": "2019.1.4",
    "pyorderbook": "0.4.9",
    "fastlob": "0.0.24",
}
FOLDER = ROOT / "var" / "peers"
_PIP_SECONDS_MAX = 300


class PeerError(RuntimeError):
    """The peers can't be installed or run here; the message says why."""


def requirements() -> list[str]:
    """One pinned requirement a package; NumPy carries the messages over."""
    return [f"numpy=={version('numpy')}", *(f"{name}=={number}" for name, number in PEERS.items())]


def interpreter(folder: Path = FOLDER) -> Path:
    """The Python that has the peers, made where it is missing or outdated. Raises PeerError."""
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(requirements())
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--only-binary", ":all:", "--retries", "1", "--timeout", "20", *requirements()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"pip took longer than {_PIP_SECONDS_MAX} s; is this host offline?") from error
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [f"pip on {sys.platform}"]
        raise PeerError(f"the peers can't be installed: {errors[-1]}")
    stamp.write_text(wanted)
    return python
