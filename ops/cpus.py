"""Which process may run on which core."""

import os

# They would disturb a spinning engine if they shared its core.
PINNED = "engine"


def cores_for(names: list[str], pin: bool) -> dict[str, set[int]]:
    """The cores of each process: the engine alone on the last one where `pin` is set and there is more than one."""
    allowed = os.sched_getaffinity(0)
    if not pin or len(allowed) < 2 or PINNED not in names:
        return {name: set(allowed) for name in names}
    own = max(allowed)
    return {name: {own} if name == PINNED else allowed - {own} for name in names}
