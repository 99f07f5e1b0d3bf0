"""One supervisor per data directory, and one per name of shared memory.

Both locks live as long as a process holds their descriptor. The children inherit them on purpose: while orphans of a
killed supervisor still drain, the next `up` waits instead of starting beside them.
"""

import fcntl
import os
import socket
import time
from pathlib import Path

from config.errors import ConfigError


def lock_data(data: Path, wait_s: float) -> int:
    """Hold DATA/lock: returns its descriptor. ConfigError if another run still has it after wait_s."""
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise ConfigError("--data", f"{data} is used by a running pipeline: stop it with `down`") from None
            time.sleep(0.05)


def lock_name(name: str, wait_s: float) -> socket.socket:
    """Hold a name of shared memory, by an abstract socket address: it vanishes with its last holder."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            holder.bind(f"\0matchline.{os.getuid()}.{name}")
            return holder
        except OSError:
            if time.monotonic() >= deadline:
                holder.close()
                raise ConfigError("--name", f"{name} is used by a running pipeline: choose another name") from None
            time.sleep(0.05)
