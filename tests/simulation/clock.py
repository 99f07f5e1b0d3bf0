"""Time that passes when the scheduler lets it; each look at it takes a nanosecond, so that names made of it differ."""

BEGIN_NS = 4_102_444_800_000_000_000  # 1 January 2100: what commands carry is ahead of the engine's own clock


class Clock:
    """Stands for the module `time` in the product's modules."""

    def __init__(self) -> None:
        self.now_ns = BEGIN_NS

    def time_ns(self) -> int:
        """Wall clock."""
        self.now_ns += 1
        return self.now_ns

    monotonic_ns = time_ns

    def monotonic(self) -> float:
        """Seconds since the beginning, exact to the nanosecond for some weeks."""
        return (self.time_ns() - BEGIN_NS) / 1e9

    perf_counter = monotonic

    def sleep(self, seconds: float) -> None:
        """Nobody waits: time passes."""
        self.now_ns += int(seconds * 1e9)
