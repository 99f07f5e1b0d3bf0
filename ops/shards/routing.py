"""Which shard a command goes to, by what it names. Records here are in the numbers of outside.

names                                      goes to
a symbol                                   the symbol's shard
an order id, a trade's sequence            the shard whose number it is
only the client id of an order             the shard that it was placed on, as far as this remembers; else all
nothing but an account: deposit, withdraw  the account's home
no symbol: mass_cancel, halt, resume       all
suspend, unsuspend, time, list_asset, delist_asset    all
list_instrument                            the shard with the fewest instruments; of a name that is known: there
"""

import numpy as np

from ops.shards.layout import Shards
from ops.shards.listings import Listings
from ringbuf.codes import CMD_GROUP, NO_ACCOUNT, NO_ID, NO_SYMBOL, Op, Reason
from ringbuf.records import COMMAND_BUST, COMMAND_LIST_INSTRUMENT

ALL = -1
REMEMBERED = 1 << 18  # placed orders, the newest
_BY_HOME = (Op.MALFORMED, Op.DEPOSIT, Op.WITHDRAW)
_BY_ORDER = (Op.CANCEL, Op.AMEND)
_BY_NAME = (Op.LIST_INSTRUMENT, Op.CHANGE_INSTRUMENT)
_TO_ALL = (Op.SUSPEND, Op.UNSUSPEND, Op.TIME, Op.LIST_ASSET, Op.DELIST_ASSET)
_PLACES = (Op.PLACE, Op.REPLACE)


def _is_of(ops: np.ndarray, some: tuple[Op, ...]) -> np.ndarray:
    return np.isin(ops, np.array([int(op) for op in some], np.uint8))


class Routing:
    """What decides. One per entry process: it remembers where orders were placed."""

    def __init__(self, shards: Shards, listings: Listings) -> None:
        self._shards = shards
        self._listings = listings
        self._placed: dict[tuple[int, int], int] = {}
        self._listing: dict[str, int] = {}  # names under way

    def route(self, commands: np.ndarray, home: int | None = None) -> np.ndarray:
        """A shard for each COMMAND record, or ALL. `home`: instead of the account's, where a deposit names one.

        Groups that would have to be split are made malformed: all of a group is taken or none, and by one engine.
        """
        count = self._shards.count
        ops, symbols = commands["op"], commands["symbol"].astype(np.int64)
        accounts = commands["account"].astype(np.int64)
        homes = np.where(accounts == NO_ACCOUNT, 0, accounts % count)
        if home is not None:
            homes[:] = home
        found = np.where(symbols == NO_SYMBOL, ALL, symbols % count).astype(np.int64)
        found[_is_of(ops, _BY_HOME)] = homes[_is_of(ops, _BY_HOME)]
        found[_is_of(ops, _TO_ALL)] = ALL
        places = _is_of(ops, _PLACES)
        unlisted = places & (symbols == NO_SYMBOL)  # read from text that names an unknown symbol: refused there
        found[unlisted] = homes[unlisted]
        for at in np.flatnonzero(_is_of(ops, _BY_ORDER) & (found == ALL)).tolist():
            found[at] = self._of_order(commands[at])
        for at in np.flatnonzero(_is_of(ops, _BY_NAME)).tolist():
            found[at] = self._of_name(commands[at : at + 1])
        busts = ops == Op.BUST
        if busts.any():
            found[busts] = commands.view(COMMAND_BUST)["trade_seq"][busts] % count
        found[(ops > max(Op)) & (found == ALL)] = 0  # no op that is known: malformed, once
        self._whole_groups(commands, found)
        self._remember(commands, found, places)
        return found

    def _of_order(self, command: np.void) -> int:
        order_id = int(command["order_id"])
        if order_id > 0:
            return self._shards.inside(order_id)[0]
        return self._placed.get((int(command["account"]), int(command["orig_client_id"])), ALL)

    def _of_name(self, command: np.ndarray) -> int:
        try:
            name = command.view(COMMAND_LIST_INSTRUMENT)["name"][0].decode("ascii")
        except UnicodeDecodeError:
            return 0  # refused there as everywhere
        known = self._listings.shard_of(name)
        if known is not None or command["op"][0] == Op.CHANGE_INSTRUMENT:
            return known or 0
        if name not in self._listing:
            self._listing[name] = self._listings.next_shard()
        return self._listing[name]

    def listed(self) -> None:
        """Listings were answered and read again: what is under way is so no more."""
        self._listing.clear()

    def _whole_groups(self, commands: np.ndarray, found: np.ndarray) -> None:
        goes_on = commands["flags"] & CMD_GROUP != 0
        if not goes_on.any():
            return
        first = 0
        for at in range(len(commands)):
            if goes_on[at] and at < len(commands) - 1:
                continue
            if (found[first : at + 1] != found[first]).any():
                found[first : at + 1] = found[first]
                commands["refuse"][first : at + 1] = Reason.MALFORMED
            first = at + 1

    def _remember(self, commands: np.ndarray, found: np.ndarray, places: np.ndarray) -> None:
        at = np.flatnonzero(places & (commands["client_id"] != NO_ID))
        names = zip(commands["account"][at].tolist(), commands["client_id"][at].tolist(), strict=True)
        for name, shard in zip(names, found[at].tolist(), strict=True):
            self._placed[name] = shard
        while len(self._placed) > REMEMBERED:
            del self._placed[next(iter(self._placed))]


def runs(found: np.ndarray, commands: np.ndarray) -> list[tuple[int, int]]:
    """(begin, end) of what may be asked for together: commands for one shard each in a row; one for all by itself."""
    cuts = [0]
    for at in range(1, len(found)):
        if (found[at] == ALL or found[at - 1] == ALL) and not commands["flags"][at - 1] & CMD_GROUP:
            cuts.append(at)
    return list(zip(cuts, [*cuts[1:], len(found)], strict=True)) if len(found) else []
