"""Which session an event belongs to: that of the command that caused it, and those whose orders it touches."""

import numpy as np

from ringbuf.codes import EventType

_ABOUT_ORDERS = (EventType.TRADE, EventType.CANCELLED, EventType.AMENDED, EventType.TRIGGERED)


class Routes:
    """Orders that came in here and are open, by the session that placed them. One per entry process."""

    def __init__(self, lane: int) -> None:
        self._lane = lane
        self._session_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._session_of)

    def route(self, events: np.ndarray) -> list[tuple[int, int]]:
        """(session number, index of the event) for every event that a session of this lane must hear of, in order."""
        lanes = events["session"] >> 24
        kinds = events["type"]
        mine = lanes == self._lane
        touched = np.isin(kinds, _ABOUT_ORDERS) if self._session_of or mine.any() else np.zeros(len(events), bool)
        found: list[tuple[int, int]] = []
        for index in np.flatnonzero(mine | touched).tolist():
            event = events[index]
            heard = [int(event["session"]) & 0xFFFFFF] if mine[index] else []
            for session in self._touched(event, int(kinds[index]), bool(mine[index])):
                if session not in heard:
                    heard.append(session)
            found += [(session, index) for session in heard]
        return found

    def _touched(self, event: np.void, kind: int, mine: bool) -> list[int]:
        """Sessions whose orders this event is about; keeps book of which orders are open."""
        order_id = int(event["order_id"])
        if kind == EventType.ACCEPTED:
            if mine:
                self._session_of[order_id] = int(event["session"]) & 0xFFFFFF
            return []
        if kind == EventType.TRADE:
            maker_id = int(event["maker_order_id"])
            taker = self._gone_if(order_id, int(event["leaves_lots"]) == 0)
            maker = self._gone_if(maker_id, int(event["maker_leaves_lots"]) == 0)
            return [session for session in (taker, maker) if session is not None]
        if kind in _ABOUT_ORDERS:
            session = self._gone_if(order_id, kind == EventType.CANCELLED)
            return [] if session is None else [session]
        return []

    def _gone_if(self, order_id: int, gone: bool) -> int | None:
        return self._session_of.pop(order_id, None) if gone else self._session_of.get(order_id)
