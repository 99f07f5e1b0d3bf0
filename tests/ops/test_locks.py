"""One run per data directory and per name."""

import os
from pathlib import Path

import pytest

from config.errors import ConfigError
from ops.locks import lock_data, lock_name


def test_a_second_run_on_a_data_directory_is_refused(tmp_path: Path) -> None:
    held = lock_data(tmp_path, 0.0)
    with pytest.raises(ConfigError, match="--data"):
        lock_data(tmp_path, 0.0)
    os.close(held)
    os.close(lock_data(tmp_path, 0.0))


def test_a_second_run_on_a_name_is_refused(tmp_path: Path) -> None:
    name = f"test-{os.getpid()}"
    held = lock_name(name, 0.0)
    with pytest.raises(ConfigError, match="--name"):
        lock_name(name, 0.0)
    held.close()
    lock_name(name, 0.0).close()


def test_a_forked_child_keeps_the_lock_of_a_dead_parent(tmp_path: Path) -> None:
    held = lock_data(tmp_path, 0.0)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    os.close(held)
    with pytest.raises(ConfigError, match="--data"):
        lock_data(tmp_path, 0.0)
    os.close(write)
    os.waitpid(child, 0)
    os.close(lock_data(tmp_path, 0.0))
