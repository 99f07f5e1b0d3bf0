"""The pages' files over HTTP: as they lie in `pages/`, with headers that let nothing in from elsewhere."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import orjson
from aiohttp import web

FOLDER = Path(__file__).parent / "pages"
PAGES = {"/": "trade.html", "/pipeline": "pipeline.html"}
PREFIX = "/pages/"
ADMIN_PORT = 11  # of the admin API, on this very host, behind the base
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain",
}
# lightweight-charts writes one style element, for its logo; this is it, and no other is let through.
_CHART_STYLE = "'sha256-3pRED1tOXas1FXFoPb9TGCjmYe9XQsmO9OV23khV2nY='"


def page_routes(name: str, is_demo: bool, port_base: int, scheme: str) -> list[web.RouteDef]:
    """The gateway's pages. name: of the pipeline."""
    admin_port = port_base + ADMIN_PORT
    return file_routes(PAGES, {"name": name, "demo": is_demo, "adminPort": admin_port}, admin_port, scheme)


def file_routes(
    pages: Mapping[str, str], about: Mapping[str, object], admin_port: int, scheme: str
) -> list[web.RouteDef]:
    """Pages by path, the files that they use, and what they have to know (`about`)."""
    headers = security_headers(admin_port, scheme)
    files = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in _files()}

    async def page(request: web.Request) -> web.StreamResponse:
        return _answer(request, pages[request.path], files, headers)

    async def file(request: web.Request) -> web.StreamResponse:
        return _answer(request, request.match_info["name"], files, headers)

    async def told(request: web.Request) -> web.StreamResponse:
        return web.Response(body=orjson.dumps(dict(about)), headers=headers, content_type="application/json")

    routes = [web.get(path, page) for path in pages]
    return [*routes, web.get(f"{PREFIX}about.json", told), web.get(PREFIX + "{name:.+}", file)]


def security_headers(admin_port: int, scheme: str) -> dict[str, str]:
    """Scripts, styles and connections of this very host, nothing else; nobody may frame it."""
    admin = " ".join(f"{scheme}://{host}:{admin_port}" for host in ("127.0.0.1", "localhost"))
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' {_CHART_STYLE}",
        "img-src 'self' data:",
        f"connect-src 'self' {admin}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


def _files() -> list[Path]:
    return [path for path in FOLDER.rglob("*") if path.suffix in TYPES]


def _answer(request: web.Request, name: str, files: dict[str, bytes], headers: dict[str, str]) -> web.StreamResponse:
    content = files.get(name)
    if content is None:
        return web.Response(status=HTTPStatus.NOT_FOUND, text="There is nothing at this path.", headers=headers)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    more = {**headers, "ETag": tag}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=more)
    return web.Response(body=content, headers=more, content_type=TYPES[Path(name).suffix], charset="utf-8")
