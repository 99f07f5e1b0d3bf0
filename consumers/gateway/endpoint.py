"""What the gateway answers, as a table: for REST by method and path, for the WebSocket API by the same functions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consumers.gateway.errors import ApiError
from consumers.gateway.params import Params

if TYPE_CHECKING:
    from consumers.gateway.caller import Caller
    from consumers.gateway.gateway import Gateway

Answer = Callable[["Gateway", "Caller", Params], Any | Awaitable[Any]]

PUBLIC, KEY, READ, TRADE = "", "key", "read", "trade"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint.

    scope: PUBLIC; KEY, a key without a signature; else the scope that the signing key must have.
    weight: request weight, or what says it of the parameters. answer: what is sent back as JSON, or an awaitable of it;
    raises ApiError. orders: new orders that it counts as. own_pages: a page that comes from elsewhere is refused.
    """

    method: str
    path: str
    answer: Answer
    scope: str = PUBLIC
    weight: int | Callable[[Params], int] = 1
    orders: int = 0
    own_pages: bool = False

    def weight_of(self, params: Params) -> int:
        """What this request weighs."""
        if isinstance(self.weight, int):
            return self.weight
        try:
            return self.weight(params)
        except ApiError:
            return 1  # a wrong parameter: the answer will say so
