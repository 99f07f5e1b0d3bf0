"""Real small disks for tests: a tmpfs that can be filled to the last byte. Needs root; skipped by name without it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

STEP = 1 << 16


def run_as_root(*command: str) -> str:
    """Run a command of the system; skips the test where this user may not, or it is not there."""
    if os.geteuid() != 0:
        pytest.skip(f"{command[0]} needs root")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not installed")
    if done.returncode:
        pytest.skip(f"{' '.join(command)} is not possible here: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs of that size mounted on a folder, which is made where missing."""
    folder.mkdir(parents=True, exist_ok=True)
    run_as_root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """Meanwhile not a byte is free on the disk of a folder; the file that takes the room."""
    ballast = folder / "ballast"
    top_up(ballast)
    try:
        yield ballast
    finally:
        ballast.unlink()


def top_up(ballast: Path) -> None:
    """Take what is free now."""
    with ballast.open("ab", buffering=0) as file:
        for step in (STEP, 4096, 1):
            try:
                while True:
                    file.write(bytes(step))
            except OSError:
                continue
