"""One event's money beside what consumers.funds says of whole batches."""

import numpy as np

from config.catalog import Catalog
from consumers.funds import FEES, InstrumentTable, expand
from consumers.gateway.money import changes_of
from consumers.gateway.order import EventRow
from ringbuf.codes import EventType
from tests.consumers.synthetic import Story
from tests.consumers.test_against_engine import history


def of_batch(events: np.ndarray, table: InstrumentTable) -> list[tuple[int, ...]]:
    entries = expand(events, table)
    columns = (entries.event, entries.account, entries.asset, entries.d_available, entries.d_frozen)
    return [row for row in zip(*(column.tolist() for column in columns), strict=True) if row[1] != FEES]


def test_each_event_moves_what_it_moves_in_a_batch() -> None:
    story = Story(3)
    story.run(3000)
    for events in (story.events, history(4, 2000)):
        catalog = Catalog.from_events(events)
        instruments = catalog.instruments
        single = [
            (at, *change)
            for at, row in enumerate(map(EventRow._make, events.tolist()))
            for change in changes_of(row, instruments)
        ]
        assert single == of_batch(events, InstrumentTable.of(catalog))
        assert {int(kind) for kind in np.unique(events["type"])} >= {int(EventType.TRADE), int(EventType.BUSTED)}
