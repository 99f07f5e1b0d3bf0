"""A process that reads and counts, beside the one that measures."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Readers:
    """`program` (Python's text) says a line once it reads, and its count for every line that it is given."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._asked, self._said = process.stdin, process.stdout
        self._line()

    def _line(self) -> str:
        line = self._said.readline()
        if not line:
            raise RuntimeError("the readers have ended: they said why above")
        return line

    def count(self) -> int:
        """What they have read so far."""
        self._asked.write("\n")
        self._asked.flush()
        return int(self._line())


@contextmanager
def readers(program: str, *arguments: object) -> Iterator[Readers]:
    """They read from here on, until the block ends."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Readers(process)
        finally:
            process.kill()
