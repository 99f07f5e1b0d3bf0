"""Compiling what the processes run, once per version of the kernels, before the supervisor loads it.

In processes of their own: two work side by side where there are two cores, and what the compiler leaves on its heap is
not there in the image that everything is forked from.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ops.processes import ProcessSpec, warm

LIST = "compiled"  # in the cache folder, which is named by a hash over all kernels: modules whose kernels are in it
HEAVIEST = "engine.process"


def compile_kernels(specs: Sequence[ProcessSpec], say: Callable[[str], None]) -> None:
    """Leave every kernel in the cache. What can't be imported is left to whoever imports it next."""
    import ringbuf.jit  # noqa: F401  (names the folder)

    modules = {spec.module_name() for spec in specs}
    done = Path(os.environ["NUMBA_CACHE_DIR"]) / LIST
    known = set(done.read_text().split()) if done.exists() else set()
    if modules <= known:
        return
    say("compiling the kernels for this machine, once")
    heavy = [spec for spec in specs if spec.module_name() == HEAVIEST]
    light = [spec for spec in specs if spec.module_name() != HEAVIEST]
    children = [_compile_apart(group, say) for group in (heavy, light) if group]
    endings = [os.waitpid(pid, 0)[1] for pid in children]
    if not any(endings):
        done.parent.mkdir(parents=True, exist_ok=True)
        done.write_text("\n".join(sorted(known | modules)))


def _compile_apart(specs: Sequence[ProcessSpec], say: Callable[[str], None]) -> int:
    """A child that compiles and ends; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for spec in specs:
            warm(spec)
            say(f"compiled: {spec.name}")
        code = 0
    except ImportError:
        pass  # the supervisor imports it next, and says what is wrong
    finally:
        os._exit(code)
