"""A consumer's own command lane, for one that sends commands as well."""

from ringbuf.lanes import Lanes, Producer
from ringbuf.shm import SegmentMissing


class OwnLane:
    """Attached when first needed. `memory`: the pipeline's name; `owner`: the lane's."""

    def __init__(self, memory: str, owner: str) -> None:
        self._name = f"/{memory}.lanes"
        self._owner = owner
        self._lanes: Lanes | None = None
        self._producer: Producer | None = None

    def producer(self) -> Producer | None:
        """The lane, None where nobody has made the lanes yet."""
        if self._lanes is not None and not self._lanes.is_current:
            self.close()
        if self._producer is None:
            try:
                self._lanes = Lanes.attach(self._name)
            except SegmentMissing:
                return None
            self._producer = self._lanes.producer(self._owner)
        return self._producer

    def close(self) -> None:
        """Let go of the lane."""
        if self._producer is not None:
            self._producer.close()
        if self._lanes is not None:
            self._lanes.close()
        self._producer = self._lanes = None
