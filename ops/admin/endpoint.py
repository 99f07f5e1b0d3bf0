"""What the admin API answers, as a table: it is served from it, and its OpenAPI document is made of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consumers.gateway.errors import ApiError

if TYPE_CHECKING:
    from config.api_keys import ApiKey
    from ops.admin.office import Office

MALFORMED = -1130
_KINDS: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "array": list}


@dataclass(frozen=True)
class Field:
    """One value that a request has. kind: of JSON; where: path, query or body; example: for the page."""

    name: str
    kind: str = "string"
    where: str = "body"
    needed: bool = True
    about: str = ""
    example: object = None

    def read(self, text: object) -> Any:
        """The value. Raises ApiError where it is not of its kind."""
        if self.where != "body" and self.kind == "integer":
            if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19):
                raise ApiError(MALFORMED, f"{self.name}: expected a whole number, not {text!r}")
            return int(text)
        if type(text) is not _KINDS[self.kind]:
            raise ApiError(MALFORMED, f"{self.name}: expected {self.kind}, not {text!r}")
        return text


@dataclass(frozen=True)
class Asked:
    """One request, checked: `key` is None where the demo lets anybody look."""

    office: "Office"
    key: "ApiKey | None"
    values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A value that may be left out."""
        return self.values.get(name, default)

    @property
    def key_id(self) -> str:
        """Of who asks."""
        assert self.key is not None, "only of requests that need a key"
        return self.key.key


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. answer: what is sent back as JSON; raises ApiError. in_demo: the demo lets anybody ask this."""

    method: str
    path: str
    about: str
    answer: Callable[[Asked], Awaitable[Any]]
    group: str
    fields: tuple[Field, ...] = ()
    in_demo: bool = False

    def read(self, path: dict[str, str], query: dict[str, str], body: object) -> dict[str, Any]:
        """The request's values. Raises ApiError for what is missing, wrong or unknown."""
        if not isinstance(body, dict):
            raise ApiError(MALFORMED, "body: expected a JSON object")
        given = {"path": path, "query": query, "body": body}
        known = {(field.where, field.name) for field in self.fields}
        for where in ("query", "body"):
            for name in given[where]:
                if (where, name) not in known and not (where == "query" and name in SIGNED_WITH):
                    raise ApiError(MALFORMED, f"{name}: unknown")
        values = {}
        for field in self.fields:
            if field.name in given[field.where]:  # null is no way to leave it out: `symbol` left out means all
                values[field.name] = field.read(given[field.where][field.name])
            elif field.needed:
                raise ApiError(MALFORMED, f"{field.name}: missing")
        return values


SIGNED_WITH = ("timestamp", "recvWindow", "signature")
