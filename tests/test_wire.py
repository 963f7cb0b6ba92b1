"""The private names of uvicorn that `wire` and `protocols` use exist, and are all listed."""

from __future__ import annotations

import ast
import inspect
import re
from types import ModuleType
from typing import Any

import httpx
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import relace_mock
from relace_mock.serving import guarded, protocols, wire
from relace_mock.serving.delivery import Endpoint
from relace_mock.settings import Http


def named(module: ModuleType) -> list[str]:
    """The names that a module says it uses, in its docstring."""
    listed = re.findall(r"^- (``[^:]*):\s", module.__doc__ or "", re.MULTILINE)
    return [name for line in listed for name in re.findall(r"``(\w+)``", line)]


OF_CYCLE = named(wire)
OF_HTTPTOOLS = ["data_received", "on_headers_complete", "on_message_complete"]
OF_HTTPTOOLS += ["scope", "url", "headers", "pipeline", "flow", "parser"]
OF_CYCLE_TOO = ["keep_alive", "response_complete", "response_started", "disconnected"]
OF_CYCLE_TOO += ["message_event"]
OF_EITHER = sorted({*named(guarded), *named(protocols)})
OF_BOTH = [name for name in OF_EITHER if name not in [*OF_HTTPTOOLS, *OF_CYCLE_TOO, "conn"]]


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """Request cycle and protocol of a real request, for each HTTP parser."""
    found: dict[str, Any] = {}
    answer = Endpoint.__call__
    with pytest.MonkeyPatch.context() as patch:
        parsers: list[tuple[Http, Any]] = [("httptools", HttpToolsProtocol), ("h11", H11Protocol)]
        for http, protocol in parsers:

            async def look(
                self: Endpoint, scope: Any, receive: Any, send: Any, at: str = http
            ) -> None:
                found[at] = receive.__self__
                await answer(self, scope, receive, send)

            made = protocol.__init__

            def make(self: Any, *given: Any, at: str = http, made: Any = made, **more: Any) -> None:
                found[f"{at} protocol"] = self
                made(self, *given, **more)

            patch.setattr(Endpoint, "__call__", look)
            patch.setattr(protocol, "__init__", make)
            with relace_mock.running(http=http, thread=True) as server:
                httpx.post(f"{server.base_url}/code/embed")
    return found


@pytest.mark.parametrize("name", sorted({*OF_CYCLE, *OF_CYCLE_TOO}))
def test_uvicorn_has_the_name_of_a_cycle_that_the_wire_uses(
    name: str, seen: dict[str, Any]
) -> None:
    assert hasattr(seen["httptools"], name)
    assert hasattr(seen["h11"], name) or name in ("expected_content_length", "chunked_encoding")


@pytest.mark.parametrize("name", OF_BOTH)
def test_both_protocols_of_uvicorn_have_each_name_that_protocols_uses(
    name: str, seen: dict[str, Any]
) -> None:
    assert hasattr(seen["httptools protocol"], name)
    assert hasattr(seen["h11 protocol"], name)


@pytest.mark.parametrize("name", OF_HTTPTOOLS)
def test_the_httptools_protocol_of_uvicorn_has_each_name_that_protocols_uses(
    name: str, seen: dict[str, Any]
) -> None:
    assert name in named(protocols)
    assert hasattr(seen["httptools protocol"], name)


def test_each_module_docstring_lists_every_private_name_of_uvicorn_it_uses() -> None:
    def used(module: ModuleType) -> set[str]:
        """Return the attributes of cycles and of `super()` that a module uses."""
        found = set()
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Attribute):
                of = ast.unparse(node.value)
                if of in ("cycle", "self.cycle", "self._cycle", "super()"):
                    found.add(node.attr)
        return found - {"refused_late", "refuse"}  # names of this project

    assert used(wire) <= set(OF_CYCLE)
    assert used(protocols) <= {*OF_CYCLE, *OF_EITHER}
    assert used(guarded) <= set(named(guarded))


def test_h11_says_whether_a_request_has_come_whole(seen: dict[str, Any]) -> None:
    assert "``conn``" in (protocols.__doc__ or "")
    assert seen["h11 protocol"].conn.their_state is not None
    assert seen["h11 protocol"].conn.trailing_data
