"""Where a store that is empty begins: with the history, or with what is left of it."""

import logging
from pathlib import Path

from consumers.journal.reader import JournalReader

log = logging.getLogger(__name__)


def first_held(data: Path, name: str) -> int:
    """The first sequence that an empty store can be given: 1, later where what was before it is removed from the
    journal. That is logged, since the store will never have it."""
    with JournalReader(data) as journal:
        first = max(journal.first, 1)
    if first > 1:
        log.warning("%s: is empty, and the journal begins at %d: what was before is in neither", name, first)
    return first
