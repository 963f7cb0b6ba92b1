"""Large rankings: off the event loop, within ``--max-body``, and stopped when nobody waits."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RemoteControl, RunningServer
from relace_mock.messages import Ranked, RankRequest
from relace_mock.vectors import ranking
from relace_mock.vectors.ranking import Ranker
from tests.ranking import BODY, QUERY, V1, V2, names, rank
from tests.steering import until

# 50 files of 20 kB: more numbers than the event loop computes itself.
LARGE = BODY | {
    "codebase": [
        {"filename": f"{number}.py", "content": f"def task_{number}(queue): ...\n\n" * 600}
        for number in range(50)
    ]
}


class Held:
    """Blocks rankings until they are released or abandoned."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.released = threading.Event()
        self.threads: list[str] = []
        self.abandoned = threading.Event()

    def rank(
        self, request: RankRequest, is_abandoned: Callable[[], bool], *_known: object
    ) -> Ranked:
        self.threads.append(threading.current_thread().name)
        self.begun.set()
        while not self.released.wait(0.001):
            if is_abandoned():
                self.abandoned.set()
                break
        return Ranked([("a", 1)], 1, request.names_only)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held()
    monkeypatch.setattr(Ranker, "rank", held.rank)
    yield held
    held.released.set()


@pytest.fixture
def running() -> Iterator[RunningServer]:
    with relace_mock.running() as server:
        yield server


@pytest.mark.parametrize("path", [V1, V2])
def test_a_large_ranking_does_not_make_other_requests_wait(
    mock: RemoteControl, held: Held, path: str
) -> None:
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(rank(mock, LARGE, path)))
    thread.start()
    assert held.begun.wait(30)
    for _ in range(3):
        assert httpx.get(f"{mock.base_url.removesuffix('/v1')}/_mock/health").status_code == 200
    held.released.set()
    thread.join(30)
    assert names(answers[0]) == ["a"]


def test_a_ranking_stops_when_the_client_leaves(mock: RemoteControl, held: Held) -> None:
    async def leave() -> None:
        async with httpx.AsyncClient() as client:
            url = mock.base_url.removesuffix("/v1") + V2
            headers = {"Authorization": f"Bearer {mock.api_key}"}
            asked = asyncio.create_task(client.post(url, json=LARGE, headers=headers))
            await asyncio.to_thread(held.begun.wait, 30)
            asked.cancel()

    asyncio.run(leave())
    assert held.abandoned.wait(30)
    until(lambda: mock.requests[-1].outcome == "client_aborted", "the end of the request")


def test_a_plain_asgi_server_tells_the_ranking_too(held: Held) -> None:
    """Here the mock is ``relace_mock.app()``, which cannot see the socket."""
    left = asyncio.Event()
    sent: list[Any] = []
    body = json.dumps(LARGE).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": V2,
        "headers": [(b"authorization", b"Bearer x"), (b"content-type", b"application/json")],
    }

    async def ask() -> None:
        messages = [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        app: Any = relace_mock.app()
        answering = asyncio.create_task(app(scope, receive, send))
        await asyncio.to_thread(held.begun.wait, 30)
        left.set()
        await answering

    asyncio.run(ask())
    assert held.abandoned.is_set()
    assert sent == []


def test_vectors_are_computed_in_batches_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded, however many parts there are."""
    sizes: list[int] = []
    original = ranking._batches

    def batches(
        contents: Sequence[str], without: Container[str]
    ) -> Iterator[tuple[list[int], list[str]]]:
        for owners, texts in original(contents, without):
            sizes.append(len(texts))
            yield owners, texts

    monkeypatch.setattr(ranking, "_batches", batches)
    with httpx.Client(transport=relace_mock.transport(), base_url="http://mock") as client:
        answer = client.post(V2, json=LARGE, headers={"Authorization": "Bearer x"})
        health = client.get("/_mock/health").json()
    assert len(names(answer)) > 1
    assert len(sizes) > 1
    assert max(sizes) <= 64
    assert health["cache"]["rows"] == 0, "nothing of it is cached"


def test_a_codebase_as_large_as_the_limit_is_ranked() -> None:
    with relace_mock.running(max_body=3_000_000) as server:
        mock = server.control("rlc-large")
        content = "value = compute(value)\n" * 120_000
        body = BODY | {"query": QUERY, "codebase": [{"filename": "a", "content": content}]}
        assert names(rank(mock, body | {"token_limit": 10**9})) == ["a"]
        body["codebase"] = [{"filename": "a", "content": content * 2}]
        assert rank(mock, body).status_code == 413
