"""Where everything stands in a ring's segment and in the command lanes' segment. Nothing else knows an offset.

A line is 128 bytes: two cache lines, as processors fetch them in pairs. All numbers are little-endian i64
unless it says u32.

    EVENT or MARKET RING                          one writer, up to 48 named readers
    ┌──────────┬──────────────────────────────────────────────────────────────────────────┐
    │ 0        │ HEAD: magic, version, record size, schema hash, capacity, kind,          │
    │          │ durability, epoch, creator, first seq, where things are, ready           │
    │ 128      │ claimed: highest sequence whose slot the writer may be overwriting       │
    │ 256      │ published: highest sequence that readers may see                         │
    │ 384      │ durable: highest sequence that the journal calls safe                    │
    │ 512      │ event count: u32 word (the futex), u32 flag "somebody sleeps"            │
    │ 640      │ the writer's own notes: cached gate sequence, time of the last wake      │
    │ 768      │ gate: address offset of the cursor that the writer waits for, 0 = none   │
    │ 1024     │ 48 cursors, one line each                                                │
    │ 8192     │ slots: capacity × 128 bytes; sequence s stands in slot s & (capacity-1)  │
    │ + slots  │ timing lane: capacity × 16 bytes, ingress_ns and match_ns of each slot   │
    └──────────┴──────────────────────────────────────────────────────────────────────────┘

    COMMAND LANES                                 one writer and one reader (the engine) per lane
    ┌──────────┬──────────────────────────────────────────────────────────────────────────┐
    │ 0        │ HEAD, as above (kind = lanes, `lanes` in place of the first sequence)    │
    │ 512      │ event count of the engine: u32 word, u32 flag                            │
    │ 8192     │ lanes, 512 bytes each: line 0 owner … name; line 1 produced;             │
    │          │ line 2 consumed; line 3 the producer's cached consumed                   │
    │ + lanes  │ slots: lanes × capacity × 128 bytes; command i of a lane in i & (cap-1)  │
    └──────────┴──────────────────────────────────────────────────────────────────────────┘
"""

import numpy as np

from ringbuf.records import offset_of

LINE = 128
MAGIC = int.from_bytes(b"MATCHLN1", "little")
KINDS = {"event": 1, "market": 2, "lanes": 3}
DURABILITIES = {"memory": 0, "journal": 1, "fsync": 2}

HEAD = np.dtype(
    [
        ("magic", "<i8"),
        ("layout_version", "<i8"),
        ("record_size", "<i8"),
        ("schema_hash", "<i8"),
        ("capacity", "<i8"),  # records; a power of two
        ("kind", "<i8"),
        ("durability", "<i8"),
        ("epoch", "<i8"),  # changes when a new history begins
        ("creator", "<i8"),  # owner word: start << 22 | pid
        ("first_seq", "<i8"),  # sequence that the ring began with; lanes: their number
        ("cursors_at", "<i8"),  # lanes: where the lane lines begin
        ("slots_at", "<i8"),
        ("timing_at", "<i8"),  # lanes: 0
        ("size", "<i8"),  # bytes of the segment
        ("reserved", "<i8"),
        ("ready", "<i8"),  # 1 once everything else is in place
    ]
)
CREATOR_AT = 64

CLAIMED_AT = 1 * LINE
PUBLISHED_AT = 2 * LINE
DURABLE_AT = 3 * LINE
EVENT_COUNT_AT = 4 * LINE  # u32 word, u32 flag at +4
FLAG_AT = 4  # within an event count
WRITER_AT = 5 * LINE
WRITER_GATE_AT = WRITER_AT  # cached sequence of the gate
WRITER_WOKE_AT = WRITER_AT + 8  # monotonic ns of the writer's last wake
GATE_AT = 6 * LINE
CURSORS_AT = 8 * LINE
CURSOR_COUNT = 48
SLOTS_AT = 8192

CURSOR = np.dtype(
    [
        ("sequence", "<i8"),  # last one that the owner has finished
        ("owner", "<i8"),  # owner word; 0 = nobody
        ("heartbeat_ns", "<i8"),  # monotonic clock: a wall clock may step
        ("state", "<i8"),  # CursorState
        ("source", "<i8"),  # CursorSource
        ("gates", "<i8"),  # 1 = the writer waits for it
        ("used", "<i8"),  # 1 = this line has a name
        ("spare", "<i8", (5,)),
        ("name", "S32"),
    ]
)

TIMING = np.dtype([("ingress_ns", "<i8"), ("match_ns", "<i8")])
TIMING_SIZE = 16

LANE_LINES_AT = SLOTS_AT
LANE_SIZE = 4 * LINE
LANE_LIMIT = 255  # the lane is the top byte of a session; codes.STEP_LANE is none
LANE_OWNER_AT = 0
LANE_FIXED_AT = 8
LANE_BASE_AT = 16
LANE_HEARTBEAT_AT = 24  # of the owner, monotonic ns; 0 where it gives none
LANE_NAME_AT = 32
LANE_PRODUCED_AT = LINE
LANE_CONSUMED_AT = 2 * LINE
LANE_SEEN_AT = 3 * LINE  # the producer's cached view of consumed
LANE = np.dtype(
    {
        "names": ["owner", "fixed", "base", "heartbeat_ns", "name", "produced", "consumed", "seen"],
        "formats": ["<i8", "<i8", "<i8", "<i8", "S64", "<i8", "<i8", "<i8"],
        "offsets": [0, 8, 16, LANE_HEARTBEAT_AT, LANE_NAME_AT, LANE_PRODUCED_AT, LANE_CONSUMED_AT, LANE_SEEN_AT],
        "itemsize": LANE_SIZE,
    }
)

assert HEAD.itemsize == LINE
assert CURSOR.itemsize == LINE
assert offset_of(HEAD, "creator") == CREATOR_AT
assert CURSORS_AT + CURSOR_COUNT * LINE <= SLOTS_AT
assert TIMING.itemsize == TIMING_SIZE


def head_offset(field: str) -> int:
    """Offset of a HEAD field."""
    return offset_of(HEAD, field)


def cursor_offset(field: str) -> int:
    """Offset of a CURSOR field within its line."""
    return offset_of(CURSOR, field)


def ring_size(capacity: int) -> int:
    """Bytes of a ring's segment."""
    return SLOTS_AT + capacity * (LINE + TIMING_SIZE)


def lanes_size(lanes: int, capacity: int) -> int:
    """Bytes of the lanes' segment."""
    return LANE_LINES_AT + lanes * LANE_SIZE + lanes * capacity * LINE
