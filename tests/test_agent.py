"""Relace's own agent: it sends long chunks in batches, then lone queries, as its public code does.

It sends chunks of up to 112,000 characters (32,000 tokens of 3.5), 32 to a request, with 4
requests in flight and a timeout of ten minutes. It never retries, reads results in the order of
the answer, and does not need `usage`. A search query is a lone string. The files here are those
of Python's standard library.
"""

from __future__ import annotations

import asyncio
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest

import relace_mock

CHUNK = 112_000  # characters
BATCH = 32
IN_FLIGHT = 4
LIBRARY = Path(sysconfig.get_path("stdlib"))
FOLDERS = ["email", "http", "json", "logging", "sqlite3", "urllib", "wsgiref", "zoneinfo"]


class Chunk(NamedTuple):
    """A part of a file."""

    file: str
    text: str


def chunks() -> Iterator[Chunk]:
    """Cut the sources into chunks as the agent does."""
    files = [
        *LIBRARY.glob("*.py"),
        *(f for name in FOLDERS for f in (LIBRARY / name).rglob("*.py")),
    ]
    for path in sorted(files):
        text = path.read_text(encoding="utf-8", errors="replace")
        for start in range(0, max(len(text), 1), CHUNK):
            yield Chunk(str(path.relative_to(LIBRARY)), text[start : start + CHUNK])


class Agent:
    """A client that indexes chunks and searches them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._free = asyncio.Semaphore(IN_FLIGHT)
        self.tokens = 0

    async def embed(self, texts: str | list[str]) -> np.ndarray[Any, Any]:
        """Return the vectors of a batch, in the order of the answer."""
        async with self._free:
            body = {"model": "relace-embed-v1", "input": texts}
            response = await self._client.post("/code/embed", json=body)
        response.raise_for_status()
        answer = response.json()
        self.tokens += answer.get("usage", {}).get("total_tokens", 0)
        return np.array([result["embedding"] for result in answer["results"]])

    async def index(self, texts: list[str]) -> np.ndarray[Any, Any]:
        """Return the vectors of all texts."""
        batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        return np.concatenate(await asyncio.gather(*map(self.embed, batches)))


QUERIES = {
    "parse email message headers and mime attachments": "email/",
    "csv dialect quoting writer": "csv.py",
    "sequence matcher close matches diff ratio": "difflib.py",
    "gzip compressed file read trailer": "gzip.py",
    "calendar month weekday leap": "calendar.py",
    "fraction numerator denominator": "fractions.py",
}


@pytest.mark.parametrize("dimensions", [2560, 1024])
def test_the_agent_indexes_a_tree_and_finds_the_file_it_searches_for(dimensions: int) -> None:
    """The right file is among the best three, and the verdict on the agent is good."""

    async def search(mock: relace_mock.RemoteControl) -> dict[str, list[str]]:
        key = {"Authorization": f"Bearer {mock.api_key}"}
        async with httpx.AsyncClient(base_url=mock.base_url, headers=key, timeout=600) as client:
            agent = Agent(client)
            known = list(chunks())
            vectors = await agent.index([chunk.text for chunk in known])
            assert vectors.shape == (len(known), dimensions)
            assert agent.tokens > len(known)
            found = {}
            for query in QUERIES:
                (wanted,) = await agent.embed(query)
                best = np.argsort(vectors @ wanted)[::-1][:3]
                found[query] = [known[place].file for place in best]
            return found

    with relace_mock.running() as server:
        mock = server.control("rlc-agent")
        mock.play({"name": "agent", "dimensions": dimensions})
        found = asyncio.run(search(mock))
        for query, file in QUERIES.items():
            assert any(name.startswith(file) for name in found[query]), (query, found[query])
        mock.verdict().assert_ok()
        noted = [request for request in mock.requests if request.notes]
        assert [request.json()["input"] for request in noted] == list(QUERIES)


def test_the_chunks_have_the_length_and_number_that_the_agent_sends() -> None:
    lengths = [len(chunk.text) for chunk in chunks()]
    assert max(lengths) == CHUNK
    assert len(lengths) > IN_FLIGHT * BATCH
