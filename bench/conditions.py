"""What a measurement was taken under: figures of two runs mean something beside each other only where these agree."""

import contextlib
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def processor() -> str:
    """The processor's name as the kernel tells it, else the machine's kind."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def conditions(**more: Any) -> dict[str, Any]:
    """Host, versions and load at this moment, and what the measurement adds of itself."""
    huge_pages = "unknown"
    with contextlib.suppress(OSError):
        huge_pages = _HUGE_PAGES.read_text().split("[", 1)[1].split("]", 1)[0]
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_average": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "numba": version("numba"),
        "numpy": version("numpy"),
        "huge_pages": huge_pages,
        **more,
    }
