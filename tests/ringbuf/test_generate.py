"""The C header and the wire page are what the dtypes say, and C agrees about every offset."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from ringbuf.c_header import ENUMS, STRUCTS
from ringbuf.codes import FLAG_LAST
from ringbuf.generate import ROOT, generated, main, stale_files
from ringbuf.lanes import Lanes
from ringbuf.meanings import FIELD_MEANINGS, meaning
from ringbuf.records import COMMAND, EVENT, RECORDS
from ringbuf.ring import Ring
from ringbuf.shm import unlink
from tests.ringbuf.test_lanes import taken

READER = """
#include "matchline.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
static void *map(const char *name) {
    int fd = shm_open(name, O_RDWR, 0);
    struct stat st;
    fstat(fd, &st);
    return mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}
int main(int argc, char **argv) {
    if (argc != 4) return 2;
    void *ring = map(argv[1]), *lanes = map(argv[2]);
    if (ml_check(ring, ML_KIND_EVENT) || ml_check(lanes, ML_KIND_LANES)) return 3;
    if (ml_check(ring, ML_KIND_MARKET) != 6) return 4;
    ml_event events[64];
    int64_t last = atoll(argv[3]);
    int64_t count = ml_ring_read(ring, last, 64, events);
    printf("%lld", (long long)count);
    for (int64_t i = 0; i < count; i++) printf(" %lld", (long long)events[i].seq);
    ml_command commands[70] = {{0}};
    for (int i = 0; i < 70; i++) commands[i].client_id = i;
    commands[0].session = 0xFF000005u;
    for (int i = 60; i < 69; i++) commands[i].flags = ML_CMD_GROUP;
    printf("\\n%lld\\n", (long long)ml_lane_send(lanes, 1, commands, 70));
    return 0;
}
"""


def compiled(folder: Path, source: str) -> Path:
    """The program of this source."""
    (folder / "program.c").write_text(source)
    flags = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'client/c'}"]
    subprocess.run(["gcc", *flags, "program.c", "-o", "program", "-lrt"], cwd=folder, check=True)
    return folder / "program"


def test_generated_files_are_up_to_date():
    assert stale_files() == [], "run: python -m ringbuf.generate"
    assert main(["--check"]) == 0


def test_every_field_of_every_record_has_a_meaning():
    for name, dtype in RECORDS.items():
        for field in dtype.names:
            assert meaning(name, field)


def test_no_meaning_is_of_a_field_that_is_gone():
    for name, fields in FIELD_MEANINGS.items():
        assert set(fields) <= set(RECORDS[name].names), name


def test_c_has_the_offsets_sizes_and_numbers_of_the_dtypes(tmp_path):
    lines, expected = [], []
    for name, dtype in STRUCTS.items():
        lines.append(f'printf("{name} %zu\\n", sizeof(ml_{name}));')
        expected.append(f"{name} {dtype.itemsize}")
        for field in dtype.names:
            kind, at = dtype.fields[field][:2]
            lines.append(
                f'printf("{name}.{field} %zu %zu\\n", offsetof(ml_{name}, {field}), sizeof(((ml_{name} *)0)->{field}));'
            )
            expected.append(f"{name}.{field} {at} {kind.itemsize}")
    for name, enum in ENUMS.items():
        for item in enum:
            lines.append(f'printf("{name} {item.name} %d\\n", ML_{name.upper()}_{item.name});')
            expected.append(f"{name} {item.name} {item.value}")
    body = "\n".join(lines)
    source = f'#include "matchline.h"\n#include <stdio.h>\nint main(void) {{\n{body}\nreturn 0;\n}}\n'
    printed = subprocess.run([compiled(tmp_path, source)], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == expected


@pytest.mark.parametrize("compiler", [["gcc", "-std=c11", "-x", "c"], ["g++", "-std=c++17", "-x", "c++"]])
def test_the_header_stands_alone_in_c_and_cpp(compiler, tmp_path):
    header = ROOT / "client/c/matchline.h"
    flags = ["-D_GNU_SOURCE", "-Wall", "-Wextra", "-c", "-o", str(tmp_path / "out.o")]
    subprocess.run([*compiler, *flags, str(header)], check=True)


def test_a_c_program_reads_the_ring_and_fills_a_lane(segment_name, tmp_path):
    ring = Ring.create(segment_name, 64, "event", 1, "memory")
    lanes_name = f"{segment_name}-lanes"
    lanes = Lanes.create(lanes_name, 2, 64)
    try:
        events = np.zeros(40, dtype=EVENT)
        events["flags"] = FLAG_LAST
        for first in (1, 41, 81):
            events["seq"] = np.arange(first, first + 40)
            ring.append(events)
        program = compiled(tmp_path, READER)

        def run(last: int) -> list[str]:
            command = [program, segment_name, lanes_name, str(last)]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

        assert run(100) == [" ".join(map(str, [20, *range(101, 121)])), "60"]  # the group from 60 on finds no room
        assert run(10) == ["-1", "4"]
        got = taken(lanes, 1)
        assert got.dtype == COMMAND
        assert got["client_id"].tolist() == [*range(60), *range(4)]
        assert got["session"][0] == 1 << 24 | 5
        assert (got["ingress_ns"] > 0).all()
    finally:
        unlink(lanes_name)


def test_generated_files_name_themselves_as_generated():
    for text in generated().values():
        assert "Generated by" in text[:400]
