"""A broker whose disk is full: the sink is away until there is room, and loses nothing. Real: a small tmpfs."""

from pathlib import Path

import pytest

from consumers.sinks.kinds import open_target
from consumers.sinks.target import TargetAway
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import make_history
from tests.consumers.sinks.matrix import wanted
from tests.consumers.sinks.topics import PLAIN, SEED, fill, reconciled, settings, transactions_work
from tests.disks import filled, small_disk
from tests.servers import kafka


def test_a_full_disk_of_the_broker_is_away_and_loses_nothing(tmp_path: Path) -> None:
    wanted(kafka)
    history = make_history(tmp_path / "made", SEED)
    with small_disk(tmp_path / "broker", 128) as disk:
        server = kafka.start(disk)
        try:
            transactions_work(server)
            sink = settings(server.port, "full", "json", PLAIN)
            fill(sink, history, upto=200)
            with filled(disk):
                target = open_target(sink, history.data)
                with pytest.raises(TargetAway):
                    for batch in history.batches(target.open(EPOCH), 100):
                        target.write(batch)
                target.close()
            # Kafka ends by itself where a disk fails.
            server.kill()
            server.restart()
            fill(sink, history)
            ok, said = reconciled(sink, history)
            assert ok, said
        finally:
            server.stop()
