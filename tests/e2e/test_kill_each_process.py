"""kill -9 in the middle of a flow through shared memory: each process once, then the supervisor with all of them.

The verdict is the engine's own: alone, on the same commands, it makes the same events. What clients over ZeroMQ are
told meanwhile, and many more faults: `tests/faults`.
"""

import json
import os
import random
import signal
from pathlib import Path

from ops.processes import present
from tests.e2e.flow import commands, differs_from_match, write_lines
from tests.pipeline import eventually, pipeline

RATE, COUNT = 4_000, 40_000


def test_what_is_fed_through_shared_memory_survives_the_death_of_each_process_and_of_all(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    victims = [spec.name for spec in present()]
    random.Random(seed).shuffle(victims)
    print(f"seed {seed}, killed in this order: {', '.join(victims)}")
    flow = write_lines(tmp_path / "commands.jsonl", commands(COUNT, seed))
    with pipeline(tmp_path) as running:
        running.up()
        feed = running.popen("feed", str(flow), "--rate", str(RATE), "--via", "shm", "--json")

        def fed(parts: int) -> None:
            """Wait until so many parts of the flow have gone in, one more than there are kills."""
            goal = parts * COUNT // (len(victims) + 2)
            eventually(lambda: running.published() > goal or feed.poll() is not None, f"{goal} events")
            assert feed.poll() is None, feed.communicate()

        for number, victim in enumerate(victims, 1):
            fed(number)
            os.kill(eventually(lambda victim=victim: running.pid(victim), f"{victim} runs"), signal.SIGKILL)
        fed(len(victims) + 1)
        eventually(lambda: all(running.restarts(name) == 1 for name in victims), "each was started once more")
        under_way = feed.poll() is None  # on a busy host the flow may have ended by now
        os.kill(int(running.run_file()["supervisor"]["pid"]), signal.SIGKILL)
        running.up()
        said, complaints = feed.communicate(timeout=120)
        assert feed.returncode == 0, complaints
        assert not under_way or json.loads(said)["resumed"] > 0
        running.settled()
        # Refused repeats aside, history is what the engine alone makes of the same commands; the stores agree.
        assert differs_from_match(running.data, flow, tmp_path / "match") == ""
        found = running.report("reconcile")
        assert found["ok"], found["checks"]
