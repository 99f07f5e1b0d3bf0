"""The frame walker alone: whatever the chunks, the rows are those of the messages."""

from pathlib import Path
from struct import unpack_from

import pytest

from ops.convert.itch_frames import COLUMNS, LENGTHS, Frames
from tests.ops.convert.itch_builder import ItchBuilder
from tests.ops.convert.itch_venue import ItchVenue


def rows_of(frames: Frames) -> list[dict[str, int]]:
    return [dict(zip(COLUMNS, row, strict=True)) for part in frames.rows() for row in part]


def every_message() -> ItchBuilder:
    b = ItchBuilder().system("O").directory("AAPL").action("AAPL", "T").operational("AAPL", "Q", "H")
    b.add("AAPL", 2**63 - 1, "B", 2**32 - 1, 2**31).add("AAPL", 5, "S", 6, 7, mpid=True).executed("AAPL", 5, 3)
    b.executed_at("AAPL", 5, 1, 8).cancel("AAPL", 5, 1).replace("AAPL", 5, 2**40, 9, 10).delete("AAPL", 11)
    b.hidden_trade("AAPL", 12, 13).cross("AAPL", 2**33, 14).broken("AAPL", 1)
    for kind in sorted(set(LENGTHS) - set("SRHhAFECXDUPQB")):
        b.raw(kind, b"\x7f" * (LENGTHS[kind] - 11), 1)
    return b.system("C")


@pytest.mark.parametrize("chunk_bytes", [65_537, 70_001, 1 << 22])
def test_rows_are_the_same_whatever_the_size_of_the_chunks(tmp_path: Path, chunk_bytes: int) -> None:
    venue = ItchVenue(9, ("AAPL", "MSFT"))
    path = tmp_path / "file"
    path.write_bytes(venue.run(12_000))
    assert path.stat().st_size > 4 * 65_537
    offset, plain = 0, []
    for frame in venue.out.frames:
        kind, locate, _, high, low = unpack_from(">BHHHI", frame, 2)
        plain.append((offset, kind, locate, high << 32 | low))
        offset += len(frame)
    rows = rows_of(Frames(path, chunk_bytes))
    assert [(row["at"], row["kind"], row["locate"], row["ts_ns"]) for row in rows] == plain


def test_every_message_of_the_specification_is_known_and_those_about_orders_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(every_message().content)
    frames = Frames(path)
    rows = rows_of(frames)
    assert "".join(chr(row["kind"]) for row in rows) == "SRHhAFECXUDPQBS"
    assert sorted(map(chr, frames.counts.nonzero()[0])) == sorted(LENGTHS)
    decoded = {chr(row["kind"]): row for row in rows}
    assert decoded["A"] | {"at": 0, "ts_ns": 0} == {
        "at": 0, "kind": ord("A"), "locate": 1, "ts_ns": 0, "ref": 2**63 - 1, "side": ord("B"), "shares": 2**32 - 1,
        "price": 2**31, "stock": int.from_bytes(b"AAPL    "), "other": 0,
    }  # fmt: skip
    assert (decoded["F"]["ref"], decoded["F"]["side"], decoded["F"]["shares"], decoded["F"]["price"]) == (5, 83, 6, 7)
    assert (decoded["E"]["ref"], decoded["E"]["shares"]) == (5, 3)
    assert (decoded["C"]["shares"], decoded["C"]["price"], decoded["C"]["other"]) == (1, 8, ord("Y"))
    assert (decoded["U"]["other"], decoded["U"]["shares"], decoded["U"]["price"]) == (2**40, 9, 10)
    assert (decoded["P"]["shares"], decoded["P"]["price"], decoded["Q"]["shares"]) == (12, 13, 2**33)
    assert (decoded["H"]["other"], decoded["h"]["other"], decoded["S"]["other"]) == (84, 0x5148, 67)


def test_unwanted_locate_codes_are_only_counted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(every_message().content)
    frames = Frames(path)
    frames.unwanted_locate[1] = True
    assert [chr(row["kind"]) for row in rows_of(frames)] == ["S", "S"]
    assert int(frames.counts.sum()) == len(every_message().frames)
