"""The folder of snapshots, DATA/snapshots: which there are, the newest good one, which are kept.

A file is called by the sequence that it stands at. Whoever begins from one takes the newest that is good and not ahead
of the history; one that is not is passed over with a line that says why, for the one before it.
"""

from collections.abc import Callable
from pathlib import Path

from engine.snapshot import TEMPORARY, SnapshotError, SnapshotInfo, describe, limits_in, load, save
from engine.state import Limits, State

FOLDER = "snapshots"
ENDING = ".snapshot"
DIGITS = 20  # so that names sort as sequences do


def snapshot_path(data: Path, seq: int) -> Path:
    """Where the snapshot at a sequence stands."""
    return data / FOLDER / f"{seq:0{DIGITS}d}{ENDING}"


def list_snapshots(data: Path) -> list[tuple[int, Path]]:
    """(sequence, file) of all that there are, oldest first; none where there is no folder."""
    found = sorted((data / FOLDER).glob(f"{'[0-9]' * DIGITS}{ENDING}"))
    return [(int(path.name[:DIGITS]), path) for path in found]


def newest_good(
    data: Path,
    limits: Limits | None,
    epoch: int,
    last: int,
    passed_over: Callable[[str], None],
    for_engine: bool = False,
) -> tuple[State, SnapshotInfo] | None:
    """State of the newest good snapshot of this history that is not beyond sequence `last`; None if there is none.

    limits: expected of it; None: whatever it was made with. passed_over: told of each that is no good, and why.
    for_engine: see engine.snapshot.decode.
    """
    for seq, path in reversed(list_snapshots(data)):
        try:
            if seq > last:
                raise SnapshotError(f"{path.name}: seq is {seq}, the history ends at {last}")
            state, info = load(path, limits or limits_in(path), for_engine)
            if (info.seq, info.epoch) != (seq, epoch):
                raise SnapshotError(
                    f"{path.name}: seq and epoch are {info.seq} and {info.epoch}, expected {seq} and {epoch}"
                )
        except (SnapshotError, OSError) as error:
            passed_over(f"snapshot passed over: {error}")
            continue
        return state, info
    return None


def lanes_at(data: Path, epoch: int, last: int) -> tuple[int, tuple[int, ...]]:
    """(sequence, commands of each lane answered up to there) as the newest snapshot not beyond `last` says.

    By its header, which is checked by itself; (0, ()) where there is none.
    """
    for seq, path in reversed(list_snapshots(data)):
        try:
            info = describe(path)
        except (SnapshotError, OSError):
            continue  # whoever begins from a snapshot says why it is no good
        if seq <= last and (info.seq, info.epoch) == (seq, epoch):
            return seq, info.lanes
    return 0, ()


def write_snapshot(data: Path, state: State, epoch: int, keep: int) -> Path:
    """Save the state where its sequence says, then remove of those up to it all but the newest `keep`.

    What is beyond it was passed over by whoever began before it: damaged, or ahead of the journal. It counts for none
    of them. Raises OSError, SnapshotError.
    """
    at = int(state.record["seq"])
    path = snapshot_path(data, at)
    path.parent.mkdir(exist_ok=True)
    for torn in path.parent.glob(f"*{ENDING}{TEMPORARY}"):  # its writer was killed
        torn.unlink()
    save(state, epoch, path)
    for _, old in [found for found in list_snapshots(data) if found[0] <= at][:-keep]:
        old.unlink()
    return path
