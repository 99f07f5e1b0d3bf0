"""A ring's news into an asyncio loop: a thread sleeps on the ring's futex, the loop reads.

The thread runs compiled code that holds no lock of the interpreter while it sleeps; it only says "there is something"
and sleeps again once the loop has taken all of it. So an idle ring costs ten wake-ups a second, and a busy one a
wake-up for whatever came together meanwhile.
"""

import asyncio
import threading
from collections.abc import Callable

from ringbuf.wait import Waiter

PATIENCE_NS = 100_000_000  # how long the thread sleeps at most; so long a stop may take


class RingPump:
    """Calls `take` in the loop while it says that there was something.

    `waiter` waits on the ring, `position` says up to where it has been read. What `take` raises goes to `failed`, and
    the pump stands still from then on.
    """

    def __init__(
        self,
        waiter: Waiter,
        position: Callable[[], int],
        take: Callable[[], bool],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter = waiter
        self._position = position
        self._take = take
        self._failed = failed
        self._stopping = False
        self._taken = threading.Lock()  # held while the loop has something to take
        self._taken.acquire()
        self._thread = threading.Thread(target=self._watch, name="ring-pump", daemon=True)

    def start(self) -> None:
        """From now on; what is there already is taken at once."""
        self._thread.start()

    def _watch(self) -> None:
        """The thread."""
        while not self._stopping:
            if self._waiter.wait(self._position(), PATIENCE_NS):
                self._loop.call_soon_threadsafe(self._turn)
                self._taken.acquire()

    def _turn(self) -> None:
        """In the loop: a batch, then, as there may be more, again after others had their turn."""
        if not self._stopping:
            try:
                if self._take():
                    self._loop.call_soon(self._turn)
                    return
            except Exception as error:  # noqa: BLE001  who began the pump decides; nothing is passed over
                self._stopping = True
                self._failed(error)
        self._taken.release()

    def stop(self) -> None:
        """End the thread; in the loop, before the ring is closed."""
        self._stopping = True
        if self._thread.is_alive():
            if self._taken.locked():
                self._taken.release()
            self._thread.join()
