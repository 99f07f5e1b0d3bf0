"""Keys and signatures of requests, as Binance checks them.

What is signed is the query string followed by the body, exactly as they were sent, without the parameter `signature`.
"""

import re
from urllib.parse import parse_qsl, unquote

from config.api_keys import ApiKey, ApiKeys
from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import KEY, READ, TRADE
from consumers.gateway.errors import (
    BAD_KEY_FORMAT,
    ILLEGAL_CHARS,
    INVALID_SIGNATURE,
    INVALID_TIMESTAMP,
    TOO_MANY_PARAMETERS,
    ApiError,
    rejected_key,
)
from consumers.gateway.params import Params, missing

KEY_HEADER = "X-MBX-APIKEY"
MAX_FIELDS = 64
_KEY_FORM = re.compile("[A-Za-z0-9_-]{1,128}", re.ASCII)
DEFAULT_WINDOW_MS, MAX_WINDOW_MS = 5000, 60_000
AHEAD_MS = 1000  # how far a client's clock may be ahead
_MICROSECONDS_FROM = 10**15


def read_fields(query: str, body: str) -> dict[str, str]:
    """The parameters of both; what the query string says counts. Raises ApiError."""
    fields: dict[str, str] = {}
    for text in (query, body):
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise ApiError(TOO_MANY_PARAMETERS, "Too many parameters sent for this endpoint.") from None
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise ApiError(TOO_MANY_PARAMETERS, "Duplicate values for a parameter detected.")
        fields = dict(pairs) | fields
    return fields


def signed_text(query: str, body: str) -> tuple[bytes, str | None]:
    """(what was signed, the signature as it was given)."""
    signature = None
    parts = []
    for text in (query, body):
        kept = []
        for field in text.split("&"):
            if field.startswith("signature="):
                signature = unquote(field[len("signature=") :])
            else:
                kept.append(field)
        parts.append("&".join(kept))
    return "".join(parts).encode("utf-8", "surrogateescape"), signature


def key_of(keys: ApiKeys, key: str | None, address: str, scope: str) -> ApiKey:
    """The key of a request that needs one. Raises ApiError where there is none, or it may not do this."""
    if not key or _KEY_FORM.fullmatch(key) is None:
        raise ApiError(BAD_KEY_FORMAT, "API-key format invalid.", 401)
    found = keys.find(key)
    needed = READ if scope == KEY else scope
    if found is None or not found.allows_address(address) or needed not in found.scopes:
        raise rejected_key()
    return found


def check_time(params: Params, now_ms: int) -> None:
    """Raises ApiError where the request was signed too long ago, or in the future."""
    timestamp = params.whole("timestamp")
    if timestamp is None:
        raise missing("timestamp")
    window_ms = _window_ms(params)
    if timestamp >= _MICROSECONDS_FROM:
        timestamp //= 1000
    if timestamp >= now_ms + AHEAD_MS:
        raise ApiError(INVALID_TIMESTAMP, f"Timestamp for this request was {AHEAD_MS}ms ahead of the server's time.")
    if now_ms - timestamp > window_ms:
        raise ApiError(INVALID_TIMESTAMP, "Timestamp for this request is outside of the recvWindow.")


def _window_ms(params: Params) -> float:
    text = params.decimal("recvWindow")
    if text is None:
        return DEFAULT_WINDOW_MS
    window_ms = float(text)  # of a clock, not of money
    if window_ms > MAX_WINDOW_MS:
        raise ApiError(ILLEGAL_CHARS, f"recvWindow must be at most {MAX_WINDOW_MS}.")
    return window_ms


def authorize(
    keys: ApiKeys, scope: str, key: str | None, address: str, query: str, body: str, params: Params, now_ms: int
) -> Caller:
    """Who sent a request that needs a key, or a key and a signature. Raises ApiError."""
    found = key_of(keys, key, address, scope)
    if scope == KEY:
        return Caller(address, found)
    params.required("timestamp")
    params.required("signature")
    message, signature = signed_text(query, body)
    if not keys.is_signed(found.key, message, signature or ""):
        raise ApiError(INVALID_SIGNATURE, "Signature for this request is not valid.")
    check_time(params, now_ms)
    return Caller(address, found)


__all__ = ["KEY", "KEY_HEADER", "READ", "TRADE", "authorize", "check_time", "key_of", "read_fields", "signed_text"]
