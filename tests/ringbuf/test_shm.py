"""Segments and the life of processes."""

import os
import subprocess
import sys

import numpy as np
import pytest

from ringbuf import shm
from ringbuf.shm import Segment, SegmentBusy, SegmentError, SegmentMissing, is_alive, process_start, unlink


def test_what_one_mapping_writes_another_reads(segment_name):
    first = Segment.create(segment_name, 8192)
    second = Segment.attach(segment_name)
    first.buffer[4000:4008].view(np.int64)[0] = -77
    assert second.size == 8192
    assert second.address != first.address
    assert second.buffer[4000:4008].view(np.int64)[0] == -77


def test_a_new_segment_is_zero_and_wholly_in_memory(segment_name):
    segment = Segment.create(segment_name, 1 << 20)
    assert not segment.buffer.any()
    assert os.stat(f"/dev/shm{segment_name}").st_blocks * 512 >= 1 << 20


def test_creating_twice_is_refused(segment_name):
    segment = Segment.create(segment_name, 4096)
    with pytest.raises(SegmentBusy, match="exists already"):
        Segment.create(segment_name, 4096)
    segment.close()


def test_attaching_to_nothing_says_so(segment_name):
    with pytest.raises(SegmentMissing, match="found none"):
        Segment.attach(segment_name)


def test_a_size_without_room_is_refused_with_the_numbers(segment_name):
    with pytest.raises(SegmentError, match=r"needs \d+ bytes, /dev/shm has \d+ free"):
        Segment.create(segment_name, 1 << 50)
    assert not unlink(segment_name)


def test_arrays_outlive_close(segment_name):
    segment = Segment.create(segment_name, 4096)
    array = segment.buffer[:8]
    array[0] = 9
    segment.close()
    segment.close()
    assert array[0] == 9


def test_a_reader_that_exits_leaves_the_segment(segment_name):
    segment = Segment.create(segment_name, 4096)
    code = f"from ringbuf.shm import Segment; Segment.attach({segment_name!r}).buffer[0] = 3"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert segment.buffer[0] == 3
    assert segment.is_current()


def test_a_segment_is_not_current_once_another_has_its_name(segment_name):
    segment = Segment.create(segment_name, 4096)
    unlink(segment_name)
    assert not segment.is_current()
    Segment.create(segment_name, 4096)
    assert not segment.is_current()


def test_this_process_is_alive_and_another_with_its_pid_is_not():
    start = process_start(os.getpid())
    assert is_alive(os.getpid(), start)
    assert not is_alive(os.getpid(), start + 1)
    assert not is_alive(0, 0)


def test_a_killed_process_is_dead_even_before_it_is_reaped():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    start = process_start(child.pid)
    assert is_alive(child.pid, start)
    child.kill()
    while shm.process_start(child.pid):
        pass
    assert not is_alive(child.pid, start)
    child.wait()
    assert process_start(child.pid) == 0
