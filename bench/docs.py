"""docs/performance: figures kept, tables filled, picture drawn, all from one measured report."""

from pathlib import Path
from typing import Any

from bench import plot, sections, tables

_PAGE, _PICTURE, _SCALING = "performance.md", "performance.svg", "scaling.md"


def write(docs: Path, report: dict[str, Any]) -> None:
    """Put a report's sections beside those that were kept, and make page and picture anew."""
    kept = {**sections.load(docs), **sections.of_report(report)}
    picture = plot.svg(kept)
    page = tables.fill((docs / _PAGE).read_text(), kept)
    sections.save(docs, kept)
    (docs / _PAGE).write_text(page)
    (docs / _PICTURE).write_text(picture)
    scaling = docs / _SCALING
    if scaling.is_file():
        scaling.write_text(tables.fill(scaling.read_text(), kept))
