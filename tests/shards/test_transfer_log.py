"""The log of transfers: every answer leads where its table says, and what contradicts it is named."""

from pathlib import Path

import pytest

from ops.shards.transfer_log import DUPLICATE, ID_STEP, LogError, State, Transfer, TransferLog, in_transit
from ringbuf.codes import EventType

EPOCH = 77
W, D, R = EventType.WITHDRAWN, EventType.DEPOSITED, EventType.REJECTED


def opened(folder: Path) -> TransferLog:
    return TransferLog(folder, EPOCH, 2)


@pytest.mark.parametrize(
    ("answers", "states"),
    [
        ([(0, W), (1, D)], [State.DEPOSITING, State.DONE]),
        ([(0, R)], [State.REFUSED]),
        ([(0, W), (1, R), (0, D)], [State.DEPOSITING, State.RETURNING, State.RETURNED]),
        ([(0, W), (1, R), (0, R)], [State.DEPOSITING, State.RETURNING, State.WAITING]),
    ],
)
def test_each_answer_leads_on_and_money_is_in_transit_exactly_between(
    tmp_path: Path, answers: list[tuple[int, EventType]], states: list[State]
) -> None:
    log = opened(tmp_path)
    with log.writing() as txn:
        log.ask(txn, Transfer(0, 7, 1, 2, 500, 0, 1))
    found = []
    for shard, kind in answers:
        log.close()
        log = opened(tmp_path)  # as after a kill
        with log.writing() as txn:
            transfer = log.answer(txn, shard, kind, 500, "supply_exceeded" if kind == R else "")
            moving = in_transit(log.transfers(txn))
        found.append(transfer.state)
        assert moving == ({2: 500} if transfer.state in (State.DEPOSITING, State.RETURNING, State.WAITING) else {})
    assert found == states
    log.close()


def test_a_leg_refused_as_a_duplicate_goes_again_with_another_odd_id(tmp_path: Path) -> None:
    log = opened(tmp_path)
    with log.writing() as txn:
        log.ask(txn, Transfer(0, 7, 10, 2, 500, 0, 1))
        assert log.leg(txn, 0, 0)[2] == 21
        assert log.answer(txn, 0, R, 0, DUPLICATE).state == State.WITHDRAWING
        assert log.leg(txn, 0, 1)[2] == 21 + ID_STEP
        assert (21 + ID_STEP) % 2 == 1
        assert log.mark(txn, 0).legs == 2 and log.mark(txn, 0).answered == 1
    log.close()


def test_what_could_not_be_given_back_is_tried_again(tmp_path: Path) -> None:
    log = opened(tmp_path)
    with log.writing() as txn:
        log.ask(txn, Transfer(0, 7, 10, 2, 500, 0, 1))
        for shard, kind in ((0, W), (1, R), (0, R)):
            log.answer(txn, shard, kind, 500, "supply_exceeded" if kind == R else "")
        [waiting] = log.waiting(txn)
        log.again(txn, waiting)
        assert log.answer(txn, 0, D, 500, "").state == State.RETURNED
    log.close()


def test_an_answer_to_nothing_or_of_another_amount_is_named(tmp_path: Path) -> None:
    log = opened(tmp_path)
    with (
        pytest.raises(LogError, match="shard 1 has answered command 0, which was never asked for"),
        log.writing() as txn,
    ):
        log.answer(txn, 1, D, 5, "")
    with log.writing() as txn:
        log.ask(txn, Transfer(0, 7, 10, 2, 500, 0, 1))
    for kind, amount in ((W, 499), (D, 500)):
        with pytest.raises(LogError, match="expected WITHDRAWN 500 of transfer 1"), log.writing() as txn:
            log.answer(txn, 0, kind, amount, "")
    with log.reading() as txn:
        assert log.mark(txn, 0).answered == 0, "what failed left nothing behind"
    log.close()


def test_a_log_of_another_history_is_refused_and_kept(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with pytest.raises(LogError, match="epoch 77, the shards of 78"):
        TransferLog(tmp_path, EPOCH + 1, 2)
    opened(tmp_path).close()
