"""The requests that make, prolong and end listen keys."""

from typing import TYPE_CHECKING, Any

from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import KEY, Endpoint
from consumers.gateway.params import Params

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway


def listen_key(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """A listen key for the account of the API key."""
    assert caller.key is not None
    return {"listenKey": gateway.listen_keys.create(caller.key, gateway.now_ms())}


def prolong(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """Another hour for a listen key."""
    assert caller.key is not None
    gateway.listen_keys.prolong(caller.key, params.required("listenKey"), gateway.now_ms())
    return {}


def end(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """The end of a listen key, and of who listens with it."""
    assert caller.key is not None
    gateway.listen_keys.end(caller.key, params.required("listenKey"), gateway.now_ms())
    return {}


LISTEN_KEY_ENDPOINTS = (
    Endpoint("POST", "/api/v3/userDataStream", listen_key, KEY, weight=2),
    Endpoint("PUT", "/api/v3/userDataStream", prolong, KEY, weight=2),
    Endpoint("DELETE", "/api/v3/userDataStream", end, KEY, weight=2),
)
