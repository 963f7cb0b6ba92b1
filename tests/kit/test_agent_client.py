"""The client shaped like Relace's agent: what it sends, and how many requests at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from relace_contract.adapters.examples.agent import CHUNK, AgentClient

HOST = "embeddings.example"


def talk(asked: Callable[[AgentClient], Awaitable[Any]]) -> tuple[Any, list[Any], int]:
    """Return the client's result, the bodies that it sent, and the most requests in flight."""
    bodies: list[Any] = []
    in_flight = most = 0

    async def serve(request: httpx.Request) -> httpx.Response:
        nonlocal in_flight, most
        assert str(request.url) == f"https://{HOST}/v1/code/embed"
        bodies.append(body := json.loads(request.content))
        in_flight += 1
        most = max(most, in_flight)
        for _ in range(100):  # let other requests run
            await asyncio.sleep(0)
        in_flight -= 1
        count = 1 if isinstance(body["input"], str) else len(body["input"])
        return httpx.Response(200, json={"results": [{"embedding": [1]}] * count})

    async def run() -> Any:
        client = AgentClient(HOST, "rlc-" + "a" * 32, transport=httpx.MockTransport(serve))
        try:
            return await asked(client)
        finally:
            await client.aclose()

    return asyncio.run(run()), bodies, most


def test_it_sends_32_chunks_a_request_with_4_requests_in_flight() -> None:
    (vectors, tokens), bodies, most = talk(lambda client: client.embed_files("m", ["x"] * 200))
    assert (len(vectors), tokens, most) == (200, 0, 4)
    assert sorted(len(body["input"]) for body in bodies) == [8, *[32] * 6]


@pytest.mark.parametrize(("size", "chunks"), [(0, [0]), (CHUNK, [CHUNK]), (CHUNK + 1, [CHUNK, 1])])
def test_it_cuts_files_into_chunks_of_112_000_characters(size: int, chunks: list[int]) -> None:
    (vectors, _), [body], _ = talk(lambda client: client.embed_files("m", ["x" * size]))
    assert [len(text) for text in body["input"]] == chunks
    assert len(vectors) == len(chunks)


def test_it_sends_a_query_as_a_lone_string() -> None:
    _, [body], _ = talk(lambda client: client.embed_query("m", "where is add?"))
    assert body == {"model": "m", "input": "where is add?"}
