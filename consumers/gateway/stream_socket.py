"""`/ws` and `/stream`: market streams over a WebSocket, and the requests that a client makes there."""

import re
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from consumers.gateway.errors import INVALID_LISTEN_KEY, ApiError
from consumers.gateway.frames import OVERLOADED, POLICY, frame
from consumers.gateway.listen_feed import ListenFeed
from consumers.gateway.socket import MOST_OWN, Socket
from consumers.gateway.streams import Stream

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

MOST_STREAMS = 1024
MESSAGES_A_SECOND = 5
MAX_ID = 36
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_LISTEN_KEY = re.compile("[A-Za-z0-9]{64}", re.ASCII)
_LISTED = ", ".join(f"`{method}`" for method in METHODS)
UNKNOWN_PROPERTY, BAD_VALUE, BAD_REQUEST, BAD_JSON = 0, 1, 2, 3  # codes of this protocol


class StreamError(Exception):
    """A request is refused. code: one of the four above."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class StreamClient:
    """One connection and the streams that it wants.

    token: a listen key that it was opened for, and is closed with.
    """

    def __init__(self, gateway: "Gateway", request: web.Request, combined: bool, token: str = "") -> None:
        self._gateway = gateway
        self._hub = gateway.hub
        self.combined = combined
        self.socket = Socket(gateway.sockets, request, self._heard, MESSAGES_A_SECOND)
        self.write = self.socket.write
        self._names: dict[str, None] = {}
        self._feeds: dict[str, ListenFeed] = {}  # by listen key
        self.socket.at_end.append(self._leave_all)
        self.socket.each_look.append(self._look)
        self._token = token

    @property
    def is_full(self) -> bool:
        """See Subscriber."""
        return self.socket.is_full

    def break_off(self) -> None:
        """Prints are missing, and can't be told any more."""
        self.socket.drop(OVERLOADED, "The gateway fell behind: trades are missing. Connect again.")

    def begin(self, streams: list[Stream], tokens: list[str]) -> None:
        """What its address asks for. tokens: listen keys. Raises ApiError."""
        self.subscribe(streams)
        for token in tokens:
            self._hear(token)

    def subscribe(self, streams: list[Stream]) -> None:
        """More streams; those that it has already stay."""
        for stream in streams:
            if stream.name not in self._names:
                self._names[stream.name] = None
                self._hub.join(stream, self)

    def _leave_all(self) -> None:
        for name in self._names:
            self._hub.leave(name, self)
        self._names = {}
        for token in list(self._feeds):
            self._hear_no_more(token)

    def _hear(self, token: str) -> None:
        """What happens to the account of a listen key. Raises ApiError where it can't be had just now."""

        def tell(message: dict[str, Any]) -> None:
            self.write(frame(orjson.dumps({"stream": token, "data": message} if self.combined else message)))

        self._feeds[token] = ListenFeed(self._gateway, token, tell)
        self.socket.most = MOST_OWN

    def _hear_no_more(self, token: str) -> None:
        self._feeds.pop(token).close()

    def _look(self) -> None:
        for token in [token for token, feed in self._feeds.items() if feed.is_over()]:
            self._hear_no_more(token)
            if token == self._token:
                self.socket.drop(POLICY, "The listen key is over.")
                return

    # --- requests -----------------------------------------------------------------------------------------------------

    def _heard(self, socket: Socket, text: str) -> None:
        given_id: Any = None
        try:
            message = _read(text)
            given_id = _id_of(message)
            answer = {"result": self._answer(message), "id": given_id}
        except StreamError as error:
            refused = {"code": error.code, "msg": str(error)}
            answer = {"error": refused, **refused, "id": given_id}
        socket.write(frame(orjson.dumps(answer)))

    def _answer(self, message: dict[str, Any]) -> Any:
        method = message.get("method")
        if method is None:
            raise StreamError(BAD_REQUEST, "Invalid request: missing field `method`")
        if method not in METHODS:
            raise StreamError(
                BAD_REQUEST, f"Invalid request: unknown variant {str(method)[:40]}, expected one of {_LISTED}"
            )
        params = message.get("params", [])
        if not isinstance(params, list):
            raise StreamError(BAD_REQUEST, "Invalid request: params must be a list")
        if method == "LIST_SUBSCRIPTIONS":
            return [*self._names, *self._feeds]
        if method == "SUBSCRIBE":
            return self._subscribe(params)
        if method == "UNSUBSCRIBE":
            return self._unsubscribe(params)
        return self._set(params) if method == "SET_PROPERTY" else self._get(params)

    def _subscribe(self, names: list[Any]) -> None:
        streams, tokens = [], []
        for name in _texts(names):
            stream = self._hub.stream(name)
            if stream is not None:
                streams.append(stream)
            elif _is_listen_key(self._gateway, name):
                tokens.append(name)
            else:
                raise StreamError(BAD_REQUEST, f"Invalid request: invalid stream {name[:60]}")
        wanted = self._names.keys() | self._feeds.keys() | {stream.name for stream in streams} | set(tokens)
        if len(wanted) > MOST_STREAMS:
            raise StreamError(BAD_REQUEST, f"Invalid request: more than {MOST_STREAMS} streams on one connection")
        self.subscribe(streams)
        for token in tokens:
            if token not in self._feeds:
                try:
                    self._hear(token)
                except ApiError as error:
                    raise StreamError(BAD_REQUEST, str(error)) from None

    def _unsubscribe(self, names: list[Any]) -> None:
        for name in _texts(names):
            if name in self._names:
                del self._names[name]
                self._hub.leave(name, self)
            elif name in self._feeds:
                self._hear_no_more(name)

    def _set(self, params: list[Any]) -> None:
        self._check_property(params, 2)
        if type(params[1]) is not bool:
            raise StreamError(BAD_VALUE, "Invalid value type: expected Boolean")
        self.combined = params[1]

    def _get(self, params: list[Any]) -> bool:
        self._check_property(params, 1)
        return self.combined

    @staticmethod
    def _check_property(params: list[Any], count: int) -> None:
        if not params or not isinstance(params[0], str):
            raise StreamError(BAD_REQUEST, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise StreamError(UNKNOWN_PROPERTY, "Unknown property")
        if len(params) > count:
            raise StreamError(BAD_REQUEST, "Invalid request: too many parameters")
        if len(params) < count:
            raise StreamError(BAD_VALUE, "Invalid value type: expected Boolean")


def _read(text: str) -> dict[str, Any]:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise StreamError(
            BAD_JSON, f"Invalid JSON: expected value at line {error.lineno} column {error.colno}"
        ) from None
    if not isinstance(message, dict):
        raise StreamError(BAD_REQUEST, "Invalid request: expected an object")
    return message


def _id_of(message: dict[str, Any]) -> int | str | None:
    found = message.get("id")
    if found is None or (type(found) is int and abs(found) < 1 << 63):
        return found
    if isinstance(found, str) and len(found) <= MAX_ID and found.isascii():
        return found
    raise StreamError(
        BAD_REQUEST, f"Invalid request: request ID must be an integer, a string of at most {MAX_ID}, or null"
    )


def _texts(names: list[Any]) -> list[str]:
    if not names or not all(isinstance(name, str) for name in names):
        raise StreamError(BAD_REQUEST, "Invalid request: params must be names of streams")
    return names


def _is_listen_key(gateway: "Gateway", name: str) -> bool:
    """Whether it is one that is good just now."""
    return _LISTEN_KEY.fullmatch(name) is not None and gateway.listen_keys.owner(name, gateway.now_ms()) is not None


async def raw_streams(gateway: "Gateway", request: web.Request) -> web.StreamResponse:
    """GET /ws, /ws/NAME, /ws/NAME/NAME…, /ws/LISTENKEY"""
    names = request.match_info.get("stream", "")
    if _LISTEN_KEY.fullmatch(names) is not None:
        if not _is_listen_key(gateway, names):
            raise ApiError(INVALID_LISTEN_KEY, "This listenKey does not exist.")
        return await _serve(gateway, request, names, combined=False, token=names)
    return await _serve(gateway, request, names, combined=False)


async def combined_streams(gateway: "Gateway", request: web.Request) -> web.StreamResponse:
    """GET /stream?streams=NAME/NAME…, listen keys among them."""
    return await _serve(gateway, request, request.query.get("streams", ""), combined=True)


async def _serve(
    gateway: "Gateway", request: web.Request, names: str, combined: bool, token: str = ""
) -> web.StreamResponse:
    """A name that means nothing is passed over: clients put words of their own into the path."""
    gateway.sockets.admit(request.remote or "")
    named = list(dict.fromkeys(names.split("/")))
    tokens = [name for name in named if _is_listen_key(gateway, name)]
    found = [gateway.hub.stream(name) for name in named]
    streams = [stream for stream in found if stream is not None][: MOST_STREAMS - len(tokens)]
    client = StreamClient(gateway, request, combined, token)
    return await client.socket.serve(lambda socket: client.begin(streams, tokens))


STREAM_SOCKETS = {"/ws": raw_streams, "/ws/{stream:.*}": raw_streams, "/stream": combined_streams}
