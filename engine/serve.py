"""The engine's turn over the command lanes: poll in fair order, decide, publish, release."""

import numpy as np

from engine.compose import out_at
from engine.decide import command_at, decide, time_of
from engine.expiry import is_expiry_due
from engine.group import RUN_LOOK, decide_run
from engine.lookahead import FIRST, SPACING, STEPS, look, pays
from engine.matching import EVENTS_BEYOND
from engine.memory import load_i64, store_i64
from engine.state import state_at
from engine.steps import may_have_steps, take_steps
from ringbuf.codes import CMD_GROUP, NO_ID, STEP_SESSION, Op
from ringbuf.jit import inline, kernel_of, outline
from ringbuf.lanes import lane_base, lane_count, lane_produced, lane_release, lane_slot
from ringbuf.records import COMMAND, RECORD_SIZE
from ringbuf.ring_kernels import ring_publish, ring_room, ring_wake, ring_wake_spaced
from ringbuf.system import REALTIME, clock_ns

LANE_BATCH = 64  # commands of one lane before the next lane's turn
SESSION_BITS = 24
TIME = int(Op.TIME)


@inline
def _take(source, target, lane):
    """Copy a command out of shared memory, so that nobody changes it while it is decided; stamp its lane."""
    for offset in range(0, 128, 8):
        store_i64(target + offset, load_i64(source + offset))
    command = command_at(target)
    command.session = (lane << SESSION_BITS) | (command.session & ((1 << SESSION_BITS) - 1))


@outline
def _decide_run(state, out, lanes, lane, index, produced, scratch):
    """Answer what begins like a group at `index` of a lane; how many commands. The first is in `scratch`."""
    visible = 1
    while visible < RUN_LOOK and index + visible < produced:
        here = scratch + (visible - 1) * RECORD_SIZE
        if command_at(here).flags & CMD_GROUP == 0:
            break
        _take(lane_slot(lanes, lane, index + visible), here + RECORD_SIZE, lane)
        visible += 1
    return decide_run(state, out, scratch, visible)


@inline
def _look_ahead(state, lanes, lane, index, produced):
    """Ask for what the commands that wait behind this one will need."""
    for step in range(STEPS):
        ahead = index + FIRST - step * SPACING
        if ahead < produced:
            look(state, lane_slot(lanes, lane, ahead), step)


@inline
def _time_passes(state, out, ring, scratch):
    """Nothing is asked, but orders' ends have come: the engine tells itself the time."""
    if ring_room(ring) < state.max_events * 2 + EVENTS_BEYOND:
        return
    take_steps(state, out, out.now_ns, state.seq + state.max_events)
    if not is_expiry_due(state, out.now_ns):
        for offset in range(0, 128, 8):
            store_i64(scratch + offset, 0)
        command = command_at(scratch)
        command.op = TIME
        command.ts_ns = out.now_ns
        command.session = STEP_SESSION
        command.client_id = NO_ID
        decide(state, out, scratch)
    ring_publish(ring, state.seq)


@kernel_of("int64(int64, int64, int64, int64, int64, int64)")
def serve_turn(state_address, out_address, lanes, ring, seen, scratch):  # type: ignore[no-untyped-def]
    """One round over all lanes; returns how many commands it answered, -1 where the ring has no room for one.

    seen: i64 per lane, commands read so far. A lane's commands are released only after their events are published.
    """
    state = state_at(state_address)
    out = out_at(out_address)
    answered = 0
    out.match_ns = clock_ns(REALTIME)
    out.now_ns = out.match_ns
    for lane in range(lane_count(lanes)):
        index = load_i64(seen + lane * 8)
        produced = lane_produced(lanes, lane)
        last = produced
        if last - index > LANE_BATCH:
            last = index + LANE_BATCH
        if index >= last and state.due_head == 0:
            continue
        if ring_room(ring) < state.max_events * 2 + EVENTS_BEYOND:
            ring_wake(ring)
            return -1
        most = state.seq + state.max_events
        looks = pays(state)
        while index < last and state.seq < most:
            if looks:
                _look_ahead(state, lanes, lane, index, produced)
            _take(lane_slot(lanes, lane, index), scratch, lane)
            if may_have_steps(state) and not take_steps(state, out, time_of(state, out, scratch), most - 1):
                break
            taken = 1
            if command_at(scratch).flags & CMD_GROUP == 0:
                decide(state, out, scratch)
            else:
                taken = _decide_run(state, out, lanes, lane, index, produced, scratch)
            index += taken
            answered += taken
        if state.due_head != 0 and state.seq < most:
            take_steps(state, out, state.ts_ns, most - 1)
        ring_publish(ring, state.seq)
        ring_wake_spaced(ring)
        store_i64(seen + lane * 8, index)
        lane_release(lanes, lane, index)
    if state.due_head != 0 and answered == 0:
        return 1  # more steps to take at once
    if answered == 0 and is_expiry_due(state, out.now_ns):
        _time_passes(state, out, ring, scratch)
    return answered


@kernel_of("void(int64, int64, int64, int64)")
def serve_command(state_address, out_address, ring, command):  # type: ignore[no-untyped-def]
    """Answer one command that comes from the process itself (listings of a new history)."""
    state = state_at(state_address)
    out = out_at(out_address)
    out.now_ns = 0
    out.match_ns = clock_ns(REALTIME)
    decide(state, out, command)
    ring_publish(ring, state.seq)
    ring_wake(ring)


@kernel_of("void(int64, int64, int64)")
def find_positions(state_address, lanes, seen):  # type: ignore[no-untyped-def]
    """Where each lane goes on: what history has answered, less what it had answered before this segment."""
    state = state_at(state_address)
    for lane in range(lane_count(lanes)):
        index = load_i64(state.lanes + lane * 8) - lane_base(lanes, lane)
        store_i64(seen + lane * 8, index)
        lane_release(lanes, lane, index)


def scratch_command() -> np.ndarray:
    """Private room for one command, or a group."""
    return np.zeros(RUN_LOOK, COMMAND)
