"""Helpers for the tests of recordings: an endpoint to record, requests to it, and recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

import relace_mock
from tests.conftest import KEY

MODEL = "relace-embed-v1"


def embed(url: str, *texts: str, headers: dict[str, str] = KEY, **fields: Any) -> httpx.Response:
    """Send a request for these texts to a server."""
    body = {"model": MODEL, "input": texts} | fields
    return httpx.post(f"{url}/code/embed", headers=headers, json=body, timeout=60)


def client(**settings: Any) -> httpx.Client:
    """A client of a mock in this process."""
    return httpx.Client(
        transport=relace_mock.transport(**settings), base_url="http://mock", headers=KEY
    )


def ask(mock: httpx.Client, *texts: str, **fields: Any) -> httpx.Response:
    """Send a request for these texts to a mock in this process."""
    return mock.post("/v1/code/embed", json={"model": MODEL, "input": texts} | fields)


def journal(mock: httpx.Client) -> dict[str, Any]:
    """The last entry of the journal of a mock in this process."""
    entry: dict[str, Any] = mock.get("/_mock/requests").json()["requests"][-1]
    return entry


def source(answer: httpx.Response) -> str | None:
    """The header that says where the vectors of an answer come from."""
    value: str | None = answer.headers.get("x-relace-mock-source")
    return value


def vectors(answer: httpx.Response) -> list[list[float]]:
    """The vectors of an answer, in the order of the texts."""
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    return [each["embedding"] for each in sorted(results, key=lambda each: each["index"])]


def recorded(url: str, file: Path, *batches: list[str], **settings: Any) -> Path:
    """Make a recording of these batches."""
    with relace_mock.running(thread=True, upstream=url, record=file, **settings) as server:
        for batch in batches:
            vectors(embed(server.base_url, *batch))
    return file
