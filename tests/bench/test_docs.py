"""docs/performance.md: no figure there but those that a command measured and kept beside it."""

import json
from pathlib import Path

import pytest

from bench import docs, plot, sections, tables
from ops.cli import main
from ops.verbs.bench import NAMES

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_tables_of_the_page_are_those_of_the_kept_figures() -> None:
    page = (DOCS / "performance.md").read_text()
    assert tables.fill(page, sections.load(DOCS)) == page


def test_the_picture_shows_every_measured_scenario() -> None:
    picture = (DOCS / "performance.svg").read_text()
    for label, _, _ in plot.bars(sections.load(DOCS)):
        assert label in picture, label


def test_a_new_measurement_replaces_its_section_and_keeps_the_others(tmp_path: Path) -> None:
    pytest.importorskip("drawsvg", reason="the dev extra is not installed")
    marks = "".join(f"<!-- measured: {name} -->\nold\n<!-- end -->\n" for name in ("hop", "ring"))
    (tmp_path / "performance.md").write_text(f"# Page\n{marks}")
    times = dict.fromkeys(("p50", "p90", "p99", "p999", "p9999", "max"), 1_500)
    hop = {"round_trip_ns": times, "one_way_ns": times, "rounds": 1, "conditions": {"cpu": "a cpu"}}
    docs.write(tmp_path, {"hop": hop})
    docs.write(tmp_path, {"ring": {"readers_1": {"records_per_s": 2e6, "lapped_records_max": 0}, "conditions": {}}})
    page = (tmp_path / "performance.md").read_text()
    assert "old" not in page
    assert "| there and back | 1.50 |" in page and "Conditions: cpu a cpu." in page
    assert "| 1 | 2.00 | 0 |" in page
    assert set(json.loads((tmp_path / "performance.json").read_text())) == {"hop", "ring"}


def test_a_mark_without_a_section_is_named() -> None:
    with pytest.raises(KeyError, match="tides"):
        tables.fill("<!-- measured: tides -->\n<!-- end -->", {})


def test_a_measurement_that_does_not_exist_is_refused_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "warp"]) == 2
    assert main(["bench", "core", "--parts", "yardstick,tea"]) == 2
    said = capsys.readouterr().err
    assert f"expected {', '.join(NAMES)}, got 'warp'" in said
    assert "expected yardstick, flows, standing, starting, budget, got 'tea'" in said
