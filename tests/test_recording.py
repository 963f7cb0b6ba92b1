"""Recording real vectors from an upstream, here another mock, and replaying them without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from tests.conftest import KEY, Serve

MODEL = "relace-embed-v1"


@pytest.fixture(scope="module")
def upstream() -> Iterator[RunningServer]:
    """The endpoint to record: another mock, whose vectors no other server here computes."""
    with relace_mock.running(seed=7, dimensions=64) as server:
        yield server


def embed(url: str, *texts: str, **fields: Any) -> httpx.Response:
    """Send a request for these texts."""
    return httpx.post(
        f"{url}/code/embed",
        headers=KEY,
        json={"model": MODEL, "input": texts} | fields,
        timeout=60,
    )


def vectors(answer: httpx.Response) -> list[list[float]]:
    """The vectors of an answer, in the order of the texts."""
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    return [each["embedding"] for each in sorted(results, key=lambda each: each["index"])]


def test_a_recording_answers_other_batches_in_another_order_without_the_upstream(
    serve: Serve, upstream: RunningServer, tmp_path: Path
) -> None:
    file = str(tmp_path / "vectors.relace")
    real = vectors(embed(upstream.base_url, "a", "b", "c", "d"))
    with serve("--upstream", upstream.base_url, "--record", file) as recorder:
        first = embed(recorder.base_url, "a", "b", "c")
        second = embed(recorder.base_url, "d", "a")
    with serve("--replay", file) as replay:
        again = embed(replay.base_url, "d", "c")
        alone = embed(replay.base_url, "b")
    assert vectors(first) == real[:3]
    assert vectors(second) == [real[3], real[0]]
    assert vectors(again) == [real[3], real[2]]
    assert vectors(alone) == [real[1]]
    sources = [each.headers["x-relace-mock-source"] for each in (first, second, again, alone)]
    assert sources == ["forwarded", "mixed", "recorded", "recorded"]
