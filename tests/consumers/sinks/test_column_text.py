"""Text from columns says the same as the dicts do: every event, both forms."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from config.catalog import Catalog
from config.json_events import encode_all
from consumers.sinks import column_text
from consumers.sinks.column_text import JSON, RESP, ColumnText
from ringbuf.records import EVENT
from tests.consumers.engine_flow import reference_history
from tests.consumers.sinks.history import at_the_limits

SEEDS = range(2, 6)


def words_of(text: bytes) -> list[str]:
    """The bulk strings of a piece of a command in Redis's wire form, by their lengths."""
    found, at = [], 0
    while at < len(text):
        assert text[at : at + 1] == b"$"
        end = text.index(b"\r\n", at)
        size = int(text[at + 1 : end])
        found.append(text[end + 2 : end + 2 + size].decode())
        at = end + 2 + size
        assert text[at : at + 2] == b"\r\n"
        at += 2
    return found


def expect_the_same(events: np.ndarray, form: ColumnText, read: Any) -> set[str]:
    """Both ways give the same fields in the same order; the types seen."""
    catalog = Catalog.from_events(events)
    wanted = encode_all(events, catalog)
    encoded = form.encode(events, catalog)
    for fields, count, text in zip(wanted, encoded.counts, encoded.texts, strict=True):
        assert read(text) == read_of(fields, read), f"seeds {SEEDS}: {fields}"
        assert count == len(fields)
    return {fields["type"] for fields in wanted}


def read_of(fields: dict[str, Any], read: Any) -> Any:
    """What reading the text of these fields must give."""
    if read is words_of:
        return [str(part) for item in fields.items() for part in item]
    return list(fields.items())


def pairs_of(text: bytes) -> list[tuple[str, Any]]:
    """A JSON object's fields, in their order."""
    return list(orjson.loads(text).items())


@pytest.mark.parametrize(("form", "read"), [(JSON, pairs_of), (RESP, words_of)], ids=["json", "resp"])
def test_text_from_columns_has_the_fields_of_the_dicts(form: Any, read: Any, tmp_path: Path) -> None:
    seen = set()
    for seed in SEEDS:
        seen |= expect_the_same(reference_history(seed, 1500, tmp_path), ColumnText(form), read)
    assert len(seen) > 15, f"seeds {SEEDS} have too little in them: {seen}"


@pytest.mark.parametrize(("form", "read"), [(JSON, pairs_of), (RESP, words_of)], ids=["json", "resp"])
def test_the_least_and_the_most_of_every_field_are_the_same(form: Any, read: Any, tmp_path: Path) -> None:
    expect_the_same(at_the_limits(tmp_path).events, ColumnText(form), read)


def test_one_that_is_used_again_learns_what_was_listed_since(tmp_path: Path) -> None:
    events = reference_history(SEEDS[0], 1500, tmp_path)
    form, half = ColumnText(JSON), len(events) // 2
    for part in (events[:half], events[half:]):
        catalog = Catalog.from_events(events[: int(part["seq"][-1])])
        texts = form.encode(part, catalog).texts
        assert [orjson.loads(text) for text in texts] == encode_all(part, catalog)


def test_no_events_are_no_texts() -> None:
    assert ColumnText(RESP).encode(np.zeros(0, EVENT), Catalog()).texts == []


def test_texts_that_are_kept_do_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_text, "KEPT", 50)
    form = ColumnText(JSON)
    expect_the_same(reference_history(SEEDS[0], 1500, tmp_path), form, pairs_of)
    assert max(len(texts) for texts in form._texts.values()) <= 50
