"""``POST /_mock/vectors``: typed texts beside each other, and beside those of clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import relace_mock
from tests.conftest import KEY

FUNCTION = "def remove(path):\n    os.unlink(path)\n"
TEXTS = [FUNCTION, "SELECT name FROM users", "", "line\n" * 2000, "\N{GRINNING FACE}"]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    transport = relace_mock.transport(dimensions=64, seed=7)
    with httpx.Client(transport=transport, base_url="http://mock", headers=KEY) as client:
        client.post("/v1/code/embed", json={"model": "relace-embed-v1", "input": TEXTS})
        yield client


def compare(client: httpx.Client, *texts: str) -> Any:
    answer = client.post("/_mock/vectors", json={"texts": texts})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("query", ["delete a file", FUNCTION, ""])
def test_rank_is_the_score_of_the_ranker_for_the_same_pair(
    client: httpx.Client, query: str
) -> None:
    found = compare(client, query, "another text")
    nearest = found["nearest"][0]
    assert len(nearest) == 5
    for each in nearest:
        file = found["others"][each["other"]]["text"]
        content = next(text for text in TEXTS if text[:200] == file)
        body = {
            "query": query,
            "codebase": [{"filename": "a", "content": content}],
            "token_limit": 1_000_000,
        }
        answer = client.post("/v2/code/rank", json=body).json()
        assert each["rank"] == answer["results"][0]["score"]


def test_the_nearest_texts_come_first_with_cosine_and_binary_of_the_same_pair(
    client: httpx.Client,
) -> None:
    (nearest,) = compare(client, FUNCTION)["nearest"]
    assert nearest[0]["cosine"] == nearest[0]["binary"] == 1
    assert nearest[0]["rank"] == 1
    cosines = [each["cosine"] for each in nearest]
    assert cosines == sorted(cosines, reverse=True)
