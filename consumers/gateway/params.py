"""A request's parameters: named texts, read one by one; what is missing or wrong is refused in Binance's words."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from config.decimals import split_decimal
from consumers.gateway.errors import (
    BAD_PRECISION,
    ILLEGAL_CHARS,
    INVALID_PARAMETER,
    MANDATORY_PARAM,
    PARAM_EMPTY,
    UNREAD_PARAMETERS,
    ApiError,
)

_NAME = "^[\\.A-Z\\:/a-z0-9_-]{1,36}$"
_WHOLE = "^[0-9]{1,19}$"
_DECIMAL = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
_SYMBOL = "^[A-Z0-9-_.]{1,36}$"
_LEGAL = {text: re.compile(text, re.ASCII) for text in (_NAME, _WHOLE, _DECIMAL, _SYMBOL)}
MAX_DECIMALS = 18  # of any asset
MAX_WHOLE = 2**63 - 1


class Params:
    """The parameters of one request. What was read is remembered, for `refuse_unread`."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self.text(name) is not None

    def text(self, name: str) -> str | None:
        """A parameter as it was given; None where it was not. Raises ApiError where it is empty."""
        self._read.add(name)
        value = self._given.get(name)
        if value is None:
            return None
        if not isinstance(value, str):  # of a WebSocket request: JSON numbers and booleans
            value = str(value).lower() if isinstance(value, bool) else str(value)
        if value == "":
            raise ApiError(PARAM_EMPTY, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        """The same, refused where it was not given."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def name(self, name: str) -> str | None:
        """A client's own id of an order or a list."""
        return self._legal(name, _NAME)

    def symbol(self, name: str = "symbol") -> str | None:
        """A symbol's text; whether there is one of that name is for others to say."""
        return self._legal(name, _SYMBOL)

    def whole(self, name: str, low: int = 0, high: int = MAX_WHOLE) -> int | None:
        """A whole number."""
        text = self._legal(name, _WHOLE)
        if text is None:
            return None
        number = int(text)
        if not low <= number <= high:
            raise ApiError(INVALID_PARAMETER, f"Data sent for parameter '{name}' is not valid.")
        return number

    def limit(self, default: int, most: int, name: str = "limit") -> int:
        """How many are asked for at most; more than `most` counts as that."""
        return min(self.whole(name, 1) or default, most)

    def decimal(self, name: str) -> str | None:
        """A number above or equal to zero, as text that `config.decimals` reads exactly."""
        text = self._legal(name, _DECIMAL)
        if text is not None and split_decimal(text)[1] > MAX_DECIMALS:
            raise ApiError(BAD_PRECISION, f"Parameter '{name}' has too much precision.")
        return text

    def word(self, name: str, words: Collection[str], refused: ApiError | None = None) -> str | None:
        """One of some words."""
        text = self.text(name)
        if text is not None and text not in words:
            raise refused or ApiError(INVALID_PARAMETER, f"Data sent for parameter '{name}' is not valid.")
        return text

    def flag(self, name: str) -> bool:
        """true or false, false where it is not given."""
        return self.word(name, ("true", "false")) == "true"

    def _legal(self, name: str, pattern: str) -> str | None:
        text = self.text(name)
        if text is not None and _LEGAL[pattern].fullmatch(text) is None:
            raise ApiError(
                ILLEGAL_CHARS, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'."
            )
        return text

    def refuse_unread(self) -> None:
        """Raises ApiError where something was sent that nobody asked for: a term that would be silently dropped."""
        sent = sum(value is not None for value in self._given.values())
        unread = [name for name in self._given if name not in self._read]
        if unread:
            raise ApiError(
                UNREAD_PARAMETERS,
                f"Not all sent parameters were read; read '{sent - len(unread)}' parameter(s) but was sent '{sent}'. "
                f"Unknown: {', '.join(sorted(unread))[:200]}",
            )


def missing(name: str) -> ApiError:
    """A parameter that the request needs."""
    return ApiError(MANDATORY_PARAM, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
