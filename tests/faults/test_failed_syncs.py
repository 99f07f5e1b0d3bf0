"""A fdatasync of the journal that fails: its process ends by name, nothing it wrote counts before it is safe, and
nothing that a client was told is lost. Once answered by strace, once by a disk that really can't take the data."""

import errno
import fcntl
import os
import random
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from consumers.journal.checks import fill_checksums
from consumers.journal.format import JournalError, record_offset
from consumers.journal.reader import JournalReader
from consumers.journal.writer import JournalWriter
from ringbuf.codes import FLAG_LAST, EventType
from ringbuf.records import EVENT
from tests.disks import filled, run_as_root, small_disk
from tests.e2e.flow import commands, differs_from_match, write_lines
from tests.faults.moments import traced, why_not
from tests.pipeline import eventually, pipeline

CONFIG = '[engine]\ndurability = "fsync"\n'
COUNT = 10_000
FAILURES = 3
PAGE = 4096
GOOD = 320  # records that end with a page: a loop device says OK to a write that begins well and ends nowhere
FIBMAP = 1  # ioctl: which block of the disk holds a file's block


def test_a_failed_fdatasync_ends_the_journal_and_nothing_told_is_lost(tmp_path: Path) -> None:
    if missing := why_not():
        pytest.skip(missing)
    flow = write_lines(tmp_path / "commands.jsonl", commands(COUNT, 21))
    with pipeline(tmp_path, config=CONFIG) as running:
        running.up()
        feed = running.popen("feed", str(flow), "--rate", "1500", "--json")
        for number in range(1, FAILURES + 1):
            goal = number * COUNT // (FAILURES + 2)
            eventually(lambda goal=goal: running.published() > goal, f"{goal} events")  # type: ignore[misc]
            when = random.SystemRandom().randint(1, 5)
            options = ("-f", "-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={when}")
            with traced(running.pid("journal"), running.data / "logs" / "strace-journal", *options):
                eventually(lambda n=number: running.restarts("journal") == n, "another journal is at work")  # type: ignore[misc]
            why = running.run_file()["processes"]["journal"]["why"]
            assert why.startswith(f"exit code {errno.EIO} (Input/output error)") and "failed: Input/output error" in why
        said, complaints = feed.communicate(timeout=120)
        assert feed.returncode == 0, complaints
        running.settled()
        assert differs_from_match(running.data, flow, tmp_path / "alone") == ""
        assert running.report("reconcile")["ok"]


@contextmanager
def disk_on(backing: Path, folder: Path, megabytes: int) -> Iterator[tuple[Path, str]]:
    """An ext4 on a loop device over a sparse file; the file and the device."""
    image = backing / "disk.img"
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    run_as_root("mkfs.ext4", "-q", "-b", str(PAGE), "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    loop = run_as_root("losetup", "--find", "--show", str(image))
    folder.mkdir()
    try:
        run_as_root("mount", loop, str(folder))
        try:
            yield image, loop
        finally:
            run_as_root("umount", "--lazy", str(folder))
    finally:
        run_as_root("losetup", "--detach", loop)


def mount_again(loop: str, folder: Path) -> None:
    """What an operator does with a file system that has given up."""
    run_as_root("umount", str(folder))
    subprocess.run(["fsck.ext4", "-y", loop], capture_output=True, check=False)  # 1 = mended
    run_as_root("mount", loop, str(folder))


def times(first: int, count: int) -> np.ndarray:
    made = np.zeros(count, EVENT)
    made["seq"], made["type"], made["flags"] = np.arange(first, first + count), EventType.TIME, FLAG_LAST
    fill_checksums(made)
    return made


def take_its_blocks_away(path: Path, begin: int, image: Path) -> None:
    """The blocks under a file's zeros, from `begin` on, are gone: what is written there finds no room on the device."""
    os.sync()
    with path.open("rb") as file:
        for index in range(-(-begin // PAGE), path.stat().st_size // PAGE):
            (block,) = struct.unpack("i", fcntl.ioctl(file, FIBMAP, struct.pack("i", index)))
            run = ("fallocate", "--punch-hole", "--offset", str(block * PAGE), "--length", str(PAGE), str(image))
            run_as_root(*run)


def test_a_disk_that_loses_data_loses_nothing_that_was_called_durable(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "backing", 24) as backing,
        disk_on(backing, tmp_path / "disk", 64) as (image, loop),
    ):
        data = tmp_path / "disk" / "data"
        writer = JournalWriter(data, 1, "fsync", blocks=2)
        writer.append(times(1, GOOD))
        assert writer.sync() == GOOD
        take_its_blocks_away(writer.path, record_offset(GOOD), image)
        with filled(backing):
            writer.append(times(GOOD + 1, 600 - GOOD))
            with pytest.raises(
                JournalError, match="sync up to sequence 600 failed: (Input/output error|No space left)"
            ):
                writer.sync()
            with pytest.raises(JournalError, match="a failed journal takes nothing more"):
                writer.append(times(601, 1))
            with pytest.raises(JournalError, match="a failed journal takes nothing more"):
                writer.sync()
            with pytest.raises(JournalError):
                JournalWriter(data, 1, "fsync", blocks=2)  # not while the disk is what it is
            writer.close()
        mount_again(loop, tmp_path / "disk")
        again = JournalWriter(data, 1, "fsync", blocks=2)
        assert again.last in (GOOD, 600), "whole commands, those that were called durable at least"
        again.append(times(again.last + 1, 10))
        again.sync()
        again.close()
        mount_again(loop, tmp_path / "disk")  # what is read now comes from the disk
        with JournalReader(data) as journal:
            assert journal.last == again.last
            for seq in range(1, journal.last + 1):
                assert int(journal.record(seq)["seq"][0]) == seq
