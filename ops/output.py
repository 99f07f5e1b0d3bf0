"""Where verbs write: one JSON object to standard output, everything for people to standard error."""

import errno
import io
import json
import os
import sys
from typing import Any


def say(text: str) -> None:
    """A line for people."""
    print(f"matchline: {text}", file=sys.stderr, flush=True)


def print_json(report: dict[str, Any]) -> None:
    """The one JSON object of a verb that was given --json."""
    print(json.dumps(report), flush=True)


class LogStream(io.TextIOBase):
    """A text stream onto a log file's descriptor, line by line, that a full disk does not end.

    What finds no room is dropped and counted; once there is room again, a line says how much is missing. Nothing is
    kept in memory, so nothing is left to be written while a process ends. Errors other than a full disk are raised.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._dropped = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The log's descriptor."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Write at once; the number of characters, as if they had all found room."""
        if self._dropped and self._put(f"[{self._dropped} bytes of this log found no room on the disk]\n"):
            self._dropped = 0
        if not self._put(text):
            self._dropped += len(text.encode())
        return len(text)

    def _put(self, text: str) -> bool:
        data = text.encode(errors="backslashreplace")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return False
        return True
