"""The Kafka sink on Tansu, which can be had where Kafka can't: a smoke test, no proof of exactly-once.

Everything that needs transactions, kills, retention or rights is in test_kafka.py, on the real broker.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import SinkSettings
from consumers.sinks.kinds import check_sinks, open_target
from consumers.sinks.target import TargetRefused
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.matrix import wanted
from tests.servers import tansu

SEED = 17


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tansu.Tansu]:
    server = wanted(tansu).start(tmp_path_factory.mktemp("tansu"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), SEED, 200)


@pytest.mark.parametrize("form", ["json", "binary"])
def test_a_history_arrives_and_a_start_goes_on_where_it_was(broker: tansu.Tansu, history: History, form: str) -> None:
    sink = SinkSettings("out", "kafka", f"kafka://{broker.address}?topic_prefix={form}", format=form)
    check_sinks((sink,))
    middle = history.batch(0, history.last // 2).upto
    for first, end in ((0, middle), (middle, history.last)):
        target = open_target(sink, history.data)
        assert target.open(EPOCH) == first
        for batch in history.batches(first, 100, end):
            target.write(batch)
        target.close()
    target = open_target(sink, history.data)
    history.expect_in(target)
    target.close()


def test_another_history_is_refused(broker: tansu.Tansu, history: History, tmp_path: Path) -> None:
    sink = SinkSettings("out", "kafka", f"kafka://{broker.address}?topic_prefix=other")
    target = open_target(sink, history.data)
    target.open(EPOCH)
    target.write(history.batch(0, 20))
    target.close()
    target = open_target(sink, history.data)
    with pytest.raises(TargetRefused, match="epoch"):
        target.open(EPOCH + 1)
    target.close()
