"""The Starlette application: our own few routes, and the pipeline for everything else."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from relace_mock import contract
from relace_mock.control import PREFIX, Control
from relace_mock.delivery import ControlEndpoint, Endpoint, deliver
from relace_mock.exchange import Reply
from relace_mock.guard import Guard
from relace_mock.pipeline import Pipeline
from relace_mock.refusals import method_not_allowed
from relace_mock.rendering import MARK, render
from relace_mock.wire import wire_of


def create_app(pipeline: Pipeline, guard: Guard) -> ASGIApp:
    """The mock as an ASGI application."""
    endpoint = Endpoint(pipeline)
    mode = pipeline.settings.contract
    pages = Starlette(
        routes=[
            Route(
                "/openapi.json", _document(lambda: contract.served_json(mode), b"application/json")
            ),
            Route(
                "/openapi.yaml", _document(lambda: contract.served_yaml(mode), b"application/yaml")
            ),
            Route(PREFIX + "{name:path}", ControlEndpoint(Control(pipeline, guard))),
        ]
    )
    # Starlette's own 404 and its redirects of a trailing slash are not in the contract.
    pages.router.redirect_slashes = False
    pages.router.default = endpoint

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if b"://" in scope["raw_path"]:
            scope["path"] = _path_of(scope["path"])
        # Past Starlette's middleware and router, a tenth of the time of a small answer.
        answer = endpoint if scope["path"] == contract.EMBED_PATH else pages
        await answer(scope, receive, send)

    return app


def _path_of(target: str) -> str:
    """The path of a target that is a whole URL (RFC 9112 section 3.2.2), as h11 leaves it."""
    if target.startswith("/"):
        return target
    _, _, rest = target.partition("://")
    return "/" + rest.partition("/")[2]


def _document(content: Callable[[], bytes], media_type: bytes) -> ASGIApp:
    class Document:  # a class, as Starlette takes plain functions for request handlers
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] in ("GET", "HEAD"):
                reply = Reply(200, ((b"content-type", media_type), MARK), (content(),))
            else:
                reply = render(method_not_allowed(scope["method"], "GET, HEAD"))
            await deliver(reply, send, wire_of(receive))

    return Document()
