"""One run per data directory and per name."""

import os
import time
from pathlib import Path

import pytest

from config.errors import ConfigError
from ops.locks import lock_data, lock_name
from ops.pipeline import LOCK_WAIT_S, plan_for
from ops.run_file import ProcessRow
from ringbuf.shm import process_start
from tests.pipeline import INSTRUMENTS


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


def test_up_waits_for_orphans_of_a_supervisor_that_is_still_dying(tmp_path: Path) -> None:
    held = lock_data(tmp_path, 0.0)
    plan = plan_for(f"test-{os.getpid()}", tmp_path, "laptop", None, INSTRUMENTS, 30_000)

    def child(life_s: float) -> int:
        pid = os.fork()
        if pid == 0:
            time.sleep(life_s)
            os._exit(0)
        return pid

    orphan = child(3 * LOCK_WAIT_S)  # it has the lock as an orphan has it: by inheritance
    os.close(held)
    supervisor = child(LOCK_WAIT_S / 2)
    run = plan.run_file(1)
    run.supervisor = ProcessRow(pid=supervisor, start=process_start(supervisor))
    run.write(tmp_path)
    with plan.locked():  # ConfigError, were a supervisor that is alive now believed to stay so
        assert not run.supervisor.is_alive()
    for pid in (supervisor, orphan):
        os.waitpid(pid, 0)
