"""The Starlette application: documents, control API, and the pipeline for every other path."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from relace_mock import contract
from relace_mock.control.api import Control
from relace_mock.control.guard import Guard
from relace_mock.control.paths import PREFIX
from relace_mock.pipeline import Pipeline
from relace_mock.serving import documents
from relace_mock.serving.cors import Cors
from relace_mock.serving.delivery import ControlEndpoint, CorsEndpoint, DocumentEndpoint, Endpoint
from relace_mock.serving.plain import WireOf

_PATHS = frozenset(path.encode() for path in contract.ENDPOINTS)


def create_app(pipeline: Pipeline, guard: Guard, wire_of: WireOf) -> ASGIApp:
    """The mock as an ASGI application, for HTTP requests with a ``raw_path``."""
    endpoint = Endpoint(pipeline, wire_of)
    control = ControlEndpoint(Control(pipeline, guard), wire_of)
    mode = pipeline.settings.contract
    pages = Starlette(
        routes=[
            *(Route(path, DocumentEndpoint(mode, wire_of)) for path in documents.PATHS),
            Route(PREFIX + "{name:path}", control),
            Route(PREFIX.rstrip("/"), control),
        ]
    )
    # Starlette's own 404 and its redirects of a trailing slash are not in the contract.
    pages.router.redirect_slashes = False
    pages.router.default = endpoint

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Skip Starlette's middleware and router: they take a tenth of the time of a small answer.
        if scope["raw_path"] in _PATHS:
            await endpoint(scope, receive, send)
            return
        # Paths are compared as they were sent: `/v1/code%2Fembed` is another path.
        target = scope["raw_path"].decode("latin-1")
        scope["path"] = _path_of(target)
        if "@" in target:
            scope["headers"] = [*scope["headers"], *_credentials_in(target)]
        answer = endpoint if scope["path"] in contract.ENDPOINTS else pages
        await answer(scope, receive, send)

    if not pipeline.settings.cors:
        return app
    opened = CorsEndpoint(app, Cors(pipeline.settings.cors, PREFIX), wire_of)

    async def open_app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = _path_of(scope["raw_path"].decode("latin-1"))
        await opened(scope, receive, send)

    return open_app


def _path_of(target: str) -> str:
    """The path of a request target. With h11 it may be a whole URL (RFC 9112 section 3.2.2)."""
    if target.startswith("/") or "://" not in target:
        return target
    _, _, rest = target.partition("://")
    return "/" + rest.partition("/")[2]


def _credentials_in(target: str) -> list[tuple[bytes, bytes]]:
    """User and password in a target that is a whole URL, as a header field for the redaction."""
    _, absolute, rest = target.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if target.startswith("/") or not absolute or not at:
        return []
    return [(b"x-relace-mock-url-credentials", user.encode("latin-1"))]
