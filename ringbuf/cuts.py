"""Where a stream of events may be cut: behind the last event of a command or step, unless its group goes on."""

# isort: off
from ringbuf.jit import inline

import numpy as np
from numpy.typing import NDArray

from ringbuf.codes import FLAG_LAST, FLAG_MORE
# isort: on

_LAST, _WITH_MORE = int(FLAG_LAST), int(FLAG_LAST | FLAG_MORE)


@inline
def may_cut(flags):  # type: ignore[no-untyped-def]
    """Whether a batch may end behind an event (or market record) with these flags; for kernels."""
    return (flags & _WITH_MORE) == _LAST


def cuts(events: NDArray[np.void]) -> NDArray[np.bool_]:
    """The same of each of some records that have `flags`."""
    found: NDArray[np.bool_] = (events["flags"] & _WITH_MORE) == _LAST
    return found


def cut_places(events: NDArray[np.void]) -> NDArray[np.int64]:
    """Numbers of records from the start behind which a batch may end, ascending."""
    return np.flatnonzero(cuts(events)) + 1
