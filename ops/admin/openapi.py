"""The OpenAPI document of the admin API, made of the table that it is served from."""

from typing import Any

from ops.admin.endpoint import Endpoint, Field

VERSION = "3.1.0"
_SIGNED = [
    {"name": "timestamp", "in": "query", "required": True, "schema": {"type": "integer"}, "description": "ms"},
    {"name": "signature", "in": "query", "required": True, "schema": {"type": "string"},
     "description": "HMAC-SHA256 in hex, or Ed25519 in base64, over the query string (without it) and the body"},
]  # fmt: skip
_ABOUT = (
    "Signed as the gateway's private requests are: header X-MBX-APIKEY, parameters timestamp and signature; the key "
    "needs scope admin. Money, prices and quantities are decimal strings. Adjustments take two persons."
)


def openapi(endpoints: tuple[Endpoint, ...], is_demo: bool) -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, is_demo)
    return {
        "openapi": VERSION,
        "info": {"title": "matchline admin API", "version": "1", "description": _ABOUT},
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["code", "msg"],
                    "properties": {"code": {"type": "integer"}, "msg": {"type": "string"}},
                }
            },
        },
    }


def _operation(each: Endpoint, is_demo: bool) -> dict[str, Any]:
    is_open = each.in_demo and is_demo
    outside = [_parameter(field) for field in each.fields if field.where != "body"]
    body = [field for field in each.fields if field.where == "body"]
    found: dict[str, Any] = {
        "summary": each.about,
        "description": (each.answer.__doc__ or each.about).strip(),
        "operationId": f"{each.method.lower()}{each.path.removeprefix('/admin/v1').replace('/', '_')}",
        "tags": [each.group],
        "security": [] if is_open else [{"key": []}],
        "parameters": outside + ([] if is_open else _SIGNED),
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}},
            "default": {
                "description": "refused",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if body:
        schema = {
            "type": "object",
            "additionalProperties": False,
            "required": [field.name for field in body if field.needed],
            "properties": {field.name: _schema(field) for field in body},
        }
        found["requestBody"] = {
            "required": any(field.needed for field in body),
            "content": {"application/json": {"schema": schema}},
        }
    return found


def _schema(field: Field) -> dict[str, Any]:
    found: dict[str, Any] = {"type": field.kind}
    if field.kind == "array":
        found["items"] = {"type": "string"}
    if field.about:
        found["description"] = field.about
    if field.example is not None:
        found["examples"] = [field.example]
    return found


def _parameter(field: Field) -> dict[str, Any]:
    schema = _schema(field)
    found = {"name": field.name, "in": field.where, "required": field.where == "path" or field.needed, "schema": schema}
    return found | ({"description": field.about} if field.about else {})
