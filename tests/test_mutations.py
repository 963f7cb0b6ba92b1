"""Mutations: wrong 200 answers, as ``httpx`` and the official SDK read them."""

from __future__ import annotations

import gzip
import itertools
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from relace import Relace

import relace_mock
from relace_mock import RunningServer
from relace_mock.scenario.mutations import MUTATIONS, conflict
from tests.steering import Steering

TEXTS = ["alpha", "beta", "gamma", "delta"]
BODY = {"model": "relace-embed-v1", "input": TEXTS}
DIMENSIONS = 16
JSON = "application/json"
Answer = dict[str, Any]
Seen = Callable[[Answer, Answer], bool]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=DIMENSIONS) as server:
        yield server


@pytest.fixture
def steering(server: RunningServer) -> Steering:
    return Steering(server.url)


def vectors(answer: Answer) -> list[list[float]]:
    return [result["embedding"] for result in answer["results"]]


def indexes(answer: Answer) -> list[Any]:
    return [result["index"] for result in answer["results"]]


def norm(vector: list[float]) -> float:
    return math.sqrt(sum(number * number for number in vector))


def but(true: Answer, **changed: Any) -> Answer:
    return true | changed


def same_but(true: Answer, number: int, **changed: Any) -> Answer:
    """Return the true answer with these fields of one result changed."""
    results = [dict(result) for result in true["results"]]
    results[number] |= changed
    return true | {"results": results}


# For each mutation, whether the mutated JSON differs from the true answer as it should.
SHOWS: dict[str, Seen] = {
    "swap_vectors": lambda lie, true: (
        vectors(lie) == [vectors(true)[1], vectors(true)[0], *vectors(true)[2:]]
        and indexes(lie) == indexes(true)
        and lie["usage"] == true["usage"]
    ),
    "model_drift": lambda lie, true: (
        indexes(lie) == indexes(true)
        and lie["usage"] == true["usage"]
        and all(len(vector) == DIMENSIONS for vector in vectors(lie))
        and all(abs(norm(vector) - 1) < 1e-6 for vector in vectors(lie))
        and not any(one == other for one, other in zip(vectors(lie), vectors(true), strict=True))
    ),
    "integer_components": lambda lie, true: (
        all(type(number) is int for vector in vectors(lie) for number in vector)
        and vectors(lie) == [[round(1000 * x) for x in vector] for vector in vectors(true)]
    ),
    "unnormalised": lambda lie, true: (
        all(abs(norm(vector) - 3) < 1e-6 for vector in vectors(lie))
        and indexes(lie) == indexes(true)
    ),
    "zero_vector": lambda lie, true: lie == same_but(true, 0, embedding=[0.0] * DIMENSIONS),
    "wrong_dimension": lambda lie, true: (
        vectors(lie) == [vector[: DIMENSIONS // 2] for vector in vectors(true)]
        and indexes(lie) == indexes(true)
    ),
    "ragged_dimensions": lambda lie, true: (
        lie == same_but(true, -1, embedding=vectors(true)[-1][: DIMENSIONS // 2])
    ),
    "null_component": lambda lie, true: (
        lie == same_but(true, 0, embedding=[None, *vectors(true)[0][1:]])
    ),
    "nan_component": lambda lie, true: (
        math.isnan(vectors(lie)[0][0])
        and vectors(lie)[0][1:] == vectors(true)[0][1:]
        and vectors(lie)[1:] == vectors(true)[1:]
    ),
    "duplicate_index": lambda lie, true: lie == same_but(true, 1, index=0),
    "index_out_of_range": lambda lie, true: lie == same_but(true, -1, index=4),
    "extra_result": lambda lie, true: (
        lie == but(true, results=[*true["results"], true["results"][-1] | {"index": 4}])
    ),
    "drop_result": lambda lie, true: lie == but(true, results=true["results"][:-1]),
    "string_index": lambda lie, true: (
        indexes(lie) == ["0", "1", "2", "3"] and vectors(lie) == vectors(true)
    ),
    "extra_fields": lambda lie, true: (
        lie.keys() > true.keys()
        and all(result.keys() > {"index", "embedding"} for result in lie["results"])
        and lie["usage"].keys() > {"total_tokens"}
        and vectors(lie) == vectors(true)
    ),
    "reordered_keys": lambda lie, true: (
        lie == true
        and list(lie) == ["usage", "results"]
        and all(list(result) == ["embedding", "index"] for result in lie["results"])
    ),
    "shuffle_results": lambda lie, true: (
        indexes(lie) != [0, 1, 2, 3]
        and sorted(lie["results"], key=lambda result: result["index"]) == true["results"]
    ),
    "omit_usage": lambda lie, true: lie == {"results": true["results"]},
    "zero_usage": lambda lie, true: lie == but(true, usage={"total_tokens": 0}),
    "nest_results": lambda lie, true: lie == but(true, results=[true["results"]]),
    "wrong_content_type": lambda lie, true: lie == true,
    "gzip": lambda lie, true: lie == true,
}
# For each mutation after which the body is not JSON, whether the body is as it should be.
NOT_JSON: dict[str, Callable[[bytes, bytes], bool]] = {
    "truncated_json": lambda lie, true: true.startswith(lie) and 0 < len(lie) < len(true),
    "html_body": lambda lie, _: lie.startswith(b"<!DOCTYPE html>"),
    "empty_body": lambda lie, _: lie == b"",
}
CONTENT_TYPES = {
    "html_body": "text/html; charset=utf-8",
    "wrong_content_type": "text/plain; charset=utf-8",
}


#: The mutations of the endpoint that this file asks; ``test_rank_scenarios`` asks the other one.
OF_EMBED = [name for name, mutation in MUTATIONS.items() if "embed" in mutation.endpoints]


def test_every_mutation_is_in_a_table_of_this_file() -> None:
    assert SHOWS.keys() | NOT_JSON.keys() == set(OF_EMBED)


@pytest.mark.parametrize("name", OF_EMBED)
def test_httpx_reads_each_mutated_answer(steering: Steering, name: str) -> None:
    true = steering.ask(BODY)
    steering.play({"mutate": name})
    lie = steering.ask(BODY)
    assert lie.status_code == 200
    assert lie.headers["content-type"] == CONTENT_TYPES.get(name, JSON)
    assert lie.headers["x-relace-mock"]
    if name in NOT_JSON:
        assert NOT_JSON[name](lie.content, true.content)
        with pytest.raises(json.JSONDecodeError):
            lie.json()
    else:
        assert SHOWS[name](lie.json(), true.json())
    entry = steering.last()
    assert (entry["outcome"], entry["status"], entry["mutations"]) == ("answered", 200, [name])
    assert steering.ask(BODY).content == true.content, "the next answer is true"


@pytest.mark.parametrize("name", OF_EMBED)
def test_the_official_sdk_reads_each_mutated_answer(steering: Steering, name: str) -> None:
    """The SDK trusts the content type, and does not check the JSON."""
    true = steering.ask(BODY)
    steering.play({"mutate": name})
    with (
        httpx.Client(verify=steering.verify) as http,
        Relace(
            base_url=f"{steering.url}/v1", api_key=steering.key, max_retries=0, http_client=http
        ) as client,
    ):

        def ask() -> Any:
            return client.post("/code/embed", body=BODY, cast_to=object)

        if name in ("truncated_json", "empty_body"):
            with pytest.raises(json.JSONDecodeError):
                ask()
        elif name in CONTENT_TYPES:
            assert isinstance(ask(), str), "for any other content type the SDK returns the text"
        else:
            assert SHOWS[name](ask(), true.json())


def test_the_gzip_mutation_compresses_the_body(steering: Steering) -> None:
    true = steering.ask(BODY).content
    steering.play({"mutate": "gzip"})
    with httpx.stream(
        "POST",
        f"{steering.url}/v1/code/embed",
        json=BODY,
        headers=steering.headers | {"Accept-Encoding": "br;q=1, gzip;q=0.5"},
        verify=steering.verify,
    ) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "accept-encoding"
    assert int(response.headers["content-length"]) == len(raw) < len(true)
    assert gzip.decompress(raw) == true


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in OF_EMBED
        if name not in ("integer_components", "unnormalised", "zero_vector", "nan_component")
    ],
)
def test_mutations_change_binary_answers_too(steering: Steering, name: str) -> None:
    binary = BODY | {"output_dtype": "binary"}
    true = steering.ask(binary)
    steering.play({"mutate": name})
    lie = steering.ask(binary)
    assert steering.last()["mutations"] == [name]
    assert lie.content != true.content or name in ("gzip", "wrong_content_type")
    if name in ("wrong_dimension", "ragged_dimensions"):
        assert len(lie.json()["results"][-1]["embedding"]) == DIMENSIONS // 8 // 2


ONE = {"model": "m", "input": ["alone"]}
BINARY = {"model": "m", "input": TEXTS, "output_dtype": "binary"}
PLAIN = {"Accept-Encoding": "identity"}
# Mutations, each with a request whose answer it cannot be applied to.
NOT_APPLICABLE: list[tuple[str, Answer, dict[str, str]]] = [
    *[(name, ONE, {}) for name in ("shuffle_results", "duplicate_index", "ragged_dimensions")],
    ("swap_vectors", ONE, {}),
    ("swap_vectors", {"model": "m", "input": ["same", "same"]}, {}),
    *[
        (name, BINARY, {})
        for name in ("nan_component", "integer_components", "unnormalised", "zero_vector")
    ],
    ("gzip", BODY, PLAIN),
    ("gzip", BODY, {"Accept-Encoding": "gzip;q=0, br"}),
    ("gzip", BODY, {"Accept-Encoding": "br, deflate"}),
]


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    NOT_APPLICABLE,
    ids=[f"{row[0]}-{n}" for n, row in enumerate(NOT_APPLICABLE)],
)
def test_a_mutation_that_does_not_apply_leaves_the_answer_unchanged_and_its_step_unused(
    steering: Steering, name: str, body: Answer, headers: dict[str, str]
) -> None:
    """The journal says so, and the first request that the mutation applies to gets it."""
    true = steering.ask(body, headers=headers)
    steering.play({"mutate": name})
    for _ in range(2):
        answer = steering.ask(body, headers=headers)
        assert (answer.status_code, answer.content) == (200, true.content)
        entry = steering.last()
        assert (entry["not_applicable"], entry["rule"], entry["step"]) == (True, 0, None)
        assert entry["mutations"] == []
        assert entry["outcome"] == "answered"
    steering.ask(BODY, headers={"Accept-Encoding": "gzip"})
    entry = steering.last()
    assert (entry["not_applicable"], entry["mutations"]) == (False, [name])


def test_a_refusal_does_not_use_up_a_mutation(steering: Steering) -> None:
    """Nor does the journal say "not applicable": there was no answer to mutate."""
    steering.play({"mutate": "omit_usage"})
    assert steering.ask({"model": "m"}).status_code == 400
    entry = steering.last()
    assert (entry["not_applicable"], entry["step"], entry["outcome"]) == (False, None, "refused")
    assert "usage" not in steering.ask(BODY).json()


def test_one_mutation_that_does_not_apply_holds_back_the_others_of_its_step(
    steering: Steering,
) -> None:
    steering.play({"mutate": ["omit_usage", "shuffle_results"]})
    assert "usage" in steering.ask(ONE).json()
    assert steering.last()["not_applicable"]
    lie = steering.ask(BODY).json()
    assert "usage" not in lie
    assert indexes(lie) != [0, 1, 2, 3]


def test_several_mutations_are_applied_in_a_fixed_order(steering: Steering) -> None:
    """The order in the file does not matter: results are dropped first, then nested."""
    names = ["nest_results", "drop_result", "string_index"]
    answers = []
    for order in (names, names[::-1]):
        steering.play({"mutate": order})
        answers.append(steering.ask(BODY).json())
    assert answers[0] == answers[1]
    ((*results,),) = answers[0]["results"]
    assert [result["index"] for result in results] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "names",
    [pair for pair in itertools.combinations(OF_EMBED, 2) if conflict(pair) is None],
    ids="-".join,
)
def test_two_mutations_that_may_be_combined_both_show(
    server: RunningServer, names: tuple[str, str]
) -> None:
    """The answer differs from that of each mutation alone."""
    answers = []
    for step in (names[:1], names[1:], names):
        steering = Steering(server.url)
        steering.play({"mutate": list(step)})
        response = steering.ask(BODY, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        answers.append(
            (response.content, response.headers["content-type"], response.headers.get("vary"))
        )
    assert answers[2] not in answers[:2]


DROPPED = [
    name
    for name in OF_EMBED
    if name != "drop_result"
    and conflict(["drop_result", name]) is None
    and name not in ("gzip", "wrong_content_type")
]


@pytest.mark.parametrize("name", DROPPED)
@pytest.mark.parametrize("count", [1, 2])
def test_drop_result_hides_no_other_mutation(steering: Steering, name: str, count: int) -> None:
    """If too few results would be left to show it, neither is applied."""
    body = {"model": "m", "input": TEXTS[:count]}
    true = steering.ask(body).content
    steering.play({"mutate": "drop_result"})
    dropped = steering.ask(body).content
    steering.play({"mutate": ["drop_result", name]})
    lie = steering.ask(body).content
    assert lie == true if steering.last()["not_applicable"] else lie not in (true, dropped)


def test_a_step_may_have_a_mutation_headers_and_a_delay(steering: Steering) -> None:
    steering.play({"mutate": "omit_usage", "delay": "1ms", "headers": {"Content-Type": "x/y"}})
    response = steering.ask(BODY)
    assert response.headers["content-type"] == "x/y"
    assert "usage" not in response.json()
