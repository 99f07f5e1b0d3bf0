"""What `doctor` looks at: one function a check, each reads the host and says what it means for matchline."""

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ringbuf.shm import SHM_ROOT

RING_BYTES = 256 << 20  # what the bare-metal profile's segments take, with room


@dataclass(frozen=True)
class HostCheck:
    """One finding. `why` says what it costs, `mend` is the line that mends it (empty where all is well)."""

    name: str
    value: str
    ok: bool
    why: str
    mend: str

    def to_dict(self) -> dict[str, Any]:
        """As `doctor --json` shows it."""
        return asdict(self)


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def shared_memory() -> HostCheck:
    """Room in /dev/shm."""
    stat = os.statvfs(SHM_ROOT)
    free = stat.f_bavail * stat.f_frsize
    ok = free >= RING_BYTES
    mend = "" if ok else "mount -o remount,size=1G /dev/shm"
    return HostCheck(
        "shared_memory", f"{free >> 20} MB free", ok, "rings live in /dev/shm; too little refuses `up`", mend
    )


def cores() -> HostCheck:
    """Whether the engine can have a core of its own."""
    count = len(os.sched_getaffinity(0))
    why = "with fewer than 4 cores the engine shares its core: use --profile laptop, expect tens of microseconds a hop"
    return HostCheck("cores", str(count), count >= 4, why, "" if count >= 4 else "use a host with 4 cores or more")


def isolated_cores() -> HostCheck:
    """Cores that the kernel's scheduler leaves alone."""
    isolated = _read("/sys/devices/system/cpu/isolated") or ""
    why = "on a core that is not isolated other work interrupts the engine for milliseconds now and then"
    last = max(os.sched_getaffinity(0))
    mend = "" if isolated else f"kernel command line: isolcpus={last} nohz_full={last} rcu_nocbs={last}"
    return HostCheck("isolated_cores", isolated or "none", bool(isolated), why, mend)


def governor() -> HostCheck:
    """The frequency governor."""
    found = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    ok = found in (None, "performance")
    mend = "" if ok else "cpupower frequency-set -g performance"
    return HostCheck(
        "governor", found or "not adjustable here", ok, "a clock that ramps up adds to the first orders", mend
    )


def clocksource() -> HostCheck:
    """What clock_gettime reads."""
    found = _read("/sys/devices/system/clocksource/clocksource0/current_clocksource") or "unknown"
    ok = found in ("tsc", "kvm-clock", "arch_sys_counter")
    mend = "" if ok else "kernel command line: tsc=reliable clocksource=tsc"
    return HostCheck("clocksource", found, ok, "other sources cost a system call at each reading of the clock", mend)


def swap() -> HostCheck:
    """Whether memory of the engine can be swapped out."""
    lines = (_read("/proc/swaps") or "").splitlines()[1:]
    ok = not lines
    mend = "" if ok else "swapoff -a"
    return HostCheck("swap", f"{len(lines)} areas", ok, "a page that was swapped out costs milliseconds to touch", mend)


def compiler() -> HostCheck:
    """gcc, which only a test needs."""
    found = shutil.which("gcc")
    mend = "" if found else "apt-get install -y gcc libc6-dev"
    return HostCheck("gcc", found or "not there", bool(found), "the test that compiles the C header needs it", mend)


CHECKS: tuple[Callable[[], HostCheck], ...] = (
    shared_memory,
    cores,
    isolated_cores,
    governor,
    clocksource,
    swap,
    compiler,
)
# Without these nothing runs; the others are warnings.
NEEDED = ("shared_memory",)
