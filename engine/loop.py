"""The hot loop: from the command lanes to the event ring, without I/O, locks, allocation or the interpreter.

One pass takes up to LANE_TURN commands of each lane in turn (so that no producer starves another), publishes their
events at once, and only then gives the lanes' slots back: what is lost in a crash is still in its lane.
"""

# isort: off
from ringbuf.jit import inline, kernel_of

from engine.compose import out_at
from engine.decide import command_at, decide
from engine.state import state_at
from ringbuf.atomics import load, pause, store
from ringbuf.lanes import lane_count, lane_produced, lane_release, lane_slot, lanes_pending
from ringbuf.ring_kernels import ring_publish, ring_room, ring_wake_spaced
from ringbuf.system import MONOTONIC, REALTIME, clock_ns
# isort: on

LANE_TURN = 64


@inline
def _take_lane(state, out, lanes, lane, seen, room, first):
    """Decide commands of one lane while the ring has room for one that emits most; returns how many."""
    begin = load(seen + lane * 8)
    stop = lane_produced(lanes, lane)
    if stop - begin > LANE_TURN:
        stop = begin + LANE_TURN
    i = begin
    while i < stop and room - (state.seq - first) >= state.max_events:
        address = lane_slot(lanes, lane, i)
        command = command_at(address)
        if command.ts_ns <= 0:
            command.ts_ns = out.match_ns
        decide(state, out, address)
        i += 1
    if i > begin:
        store(seen + lane * 8, i)
        return i - begin
    return 0


@inline
def _one_pass(state, out, ring, lanes, seen):
    """Every lane once; returns how many commands were answered."""
    room = ring_room(ring)
    first = state.seq
    out.match_ns = clock_ns(REALTIME)
    took = 0
    for lane in range(lane_count(lanes)):
        took += _take_lane(state, out, lanes, lane, seen, room, first)
    if took > 0:
        ring_publish(ring, state.seq)
        ring_wake_spaced(ring)
        for lane in range(lane_count(lanes)):
            lane_release(lanes, lane, load(seen + lane * 8))
    return took


@kernel_of("int64(int64, int64, int64, int64, int64, int64)")
def serve(state_address, out_address, ring, lanes, seen, budget_ns):
    """Answer what the lanes hold until nothing could be taken or the budget is used up; how many commands.

    `seen`: address of one i64 per lane, the commands of this segment that are answered. 0 = all lanes are empty, or
    the journal is so far behind that the ring has no room.
    """
    state = state_at(state_address)
    out = out_at(out_address)
    until = clock_ns(MONOTONIC) + budget_ns
    done = 0
    while True:
        took = _one_pass(state, out, ring, lanes, seen)
        done += took
        if took == 0 or clock_ns(MONOTONIC) >= until:
            return done


@kernel_of("int64(int64, int64, int64)")
def spin(lanes, seen, budget_ns):
    """Look at the lanes without sleeping until one holds something new; the lane, or -1 after the budget."""
    until = clock_ns(MONOTONIC) + budget_ns
    while True:
        for _ in range(50):
            lane = lanes_pending(lanes, seen)
            if lane >= 0:
                return lane
            pause()
        if clock_ns(MONOTONIC) >= until:
            return -1
