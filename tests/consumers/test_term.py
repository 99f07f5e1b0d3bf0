"""Terms: kept durably, growing with each promotion; where two histories of them part."""

import dataclasses
import json
from pathlib import Path

import pytest

from consumers.replication.term import (
    FIRST,
    History,
    TermError,
    deposed,
    following,
    parse_history,
    promoted,
    read_term,
    shared_until,
    update_term,
)

SECOND: History = (*FIRST, (2, 100, "b"))


def test_a_directory_without_the_file_is_a_primary_in_term_1(tmp_path: Path) -> None:
    assert (read_term(tmp_path).role, read_term(tmp_path).number, read_term(tmp_path).history) == ("primary", 1, FIRST)


def test_a_promotion_is_above_every_term_that_was_heard_of_and_is_kept(tmp_path: Path) -> None:
    update_term(tmp_path, lambda term: following(term, SECOND, "tcp://a:1"))
    update_term(tmp_path, lambda term: deposed(term, 7, "tcp://c:1"))
    assert read_term(tmp_path).deposed_by() == "deposed: term 7 is at tcp://c:1"
    made = update_term(tmp_path, lambda term: promoted(term, 230))
    assert read_term(tmp_path) == made
    assert (made.role, made.number, made.history) == ("primary", 8, (*SECOND, (8, 230, made.id)))


def test_an_id_is_made_once(tmp_path: Path) -> None:
    made = update_term(tmp_path, lambda term: term).id
    assert made and update_term(tmp_path, lambda term: dataclasses.replace(term, where="x")).id == made


@pytest.mark.parametrize(
    ("one", "other", "until"),
    [
        (FIRST, FIRST, None),
        (SECOND, SECOND, None),
        (FIRST, SECOND, 100),
        (SECOND, FIRST, 100),
        ((*FIRST, (2, 100, "b")), (*FIRST, (2, 100, "c")), 100),  # both were promoted at one place: not the same
        ((*FIRST, (2, 100, "b")), (*FIRST, (3, 80, "c")), 80),
        ((*SECOND, (3, 200, "a")), (*SECOND, (4, 150, "c")), 150),
    ],
)
def test_two_copies_are_the_same_up_to_the_first_term_they_do_not_share(
    one: History, other: History, until: int | None
) -> None:
    assert shared_until(one, other) == until


@pytest.mark.parametrize(
    "found",
    [None, [], [[1, 0]], [[1, 5, ""]], [[2, 0, ""]], [[1, 0, ""], [1, 9, "b"]], "x"],
)
def test_a_history_of_terms_that_is_none_is_refused(found: object) -> None:
    with pytest.raises(TermError, match="hello: history: expected"):
        parse_history(found, "hello")


@pytest.mark.parametrize(
    ("text", "names"), [("{", "expected the JSON"), ("{}", "expected the fields"), (None, "role: expected one of")]
)
def test_a_file_that_is_none_is_an_error_that_names_it(tmp_path: Path, text: str | None, names: str) -> None:
    update_term(tmp_path, lambda term: term)
    path = tmp_path / "term.json"
    path.write_text(text if text is not None else json.dumps({**json.loads(path.read_text()), "role": "king"}))
    with pytest.raises(TermError, match=f"term.json: {names}"):
        read_term(tmp_path)
