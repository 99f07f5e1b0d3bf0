"""What both processes that serve HTTP read and answer alike: a request's body, an answer as JSON, nothing there."""

import asyncio
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from consumers.gateway.errors import INVALID_MESSAGE, REJECTED_KEY, TIMEOUT, UNKNOWN, ApiError

MAX_BODY = 64 << 10
BODY_S = 10.0  # for a body to come
LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def body_of(request: web.Request) -> str:
    """The body as it was sent. Raises ApiError where it takes its time, is too long, or is none."""
    if not request.can_read_body:
        return ""
    if "Content-Encoding" in request.headers:
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        raise ApiError(INVALID_MESSAGE, "The body is compressed; expected it as it is.", status)
    try:
        async with asyncio.timeout(BODY_S):
            return (await request.read()).decode("utf-8", "surrogateescape")
    except TimeoutError:
        raise ApiError(TIMEOUT, f"The body did not come within {BODY_S:.0f} s.", HTTPStatus.REQUEST_TIMEOUT) from None
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(
            INVALID_MESSAGE, f"The body is longer than {MAX_BODY} bytes.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        ) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        raise ApiError(INVALID_MESSAGE, f"The body can't be read: {type(error).__name__}") from None


def refuse_foreign_page(request: web.Request) -> None:
    """What asks for no key answers programs and our own pages: not one that somebody has open beside. Raises ApiError.

    A foreign page can give its own host our address, so the host that it asks for has to be ours, too.
    """
    origin = request.headers.get("Origin")
    ours = f"{request.scheme}://{request.host}"
    if request.url.host not in LOOPBACK or (origin is not None and origin != ours):
        raise ApiError(REJECTED_KEY, "Not from there.", HTTPStatus.FORBIDDEN)


def json_response(found: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    """An answer as JSON."""
    return web.Response(body=orjson.dumps(found), status=int(status), headers=headers, content_type="application/json")


def nothing_there() -> web.Response:
    """The answer where nothing is served."""
    return json_response({"code": UNKNOWN, "msg": "There is nothing at this path."}, HTTPStatus.NOT_FOUND)
