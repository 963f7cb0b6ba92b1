"""The ranker works like the embed endpoint in everything except the two bodies."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RemoteControl, RunningServer
from relace_mock.journal.access_log import AccessLog
from relace_mock.messages import Received
from relace_mock.pipeline import Pipeline
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.model import read
from relace_mock.scenario.mutations import MUTATIONS
from relace_mock.serving.in_process import transport
from relace_mock.settings import Settings
from tests.ranking import (
    BODY,
    COOKIES,
    FILES,
    MAIL,
    OBSERVED,
    QUERY,
    ROUTES,
    V1,
    V2,
    names,
    rank,
    scores,
)
from tests.steering import ask

EMBED = {"model": "relace-embed-v1", "input": [QUERY]}
PATHS = pytest.mark.parametrize("path", [V1, V2])


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=64, time_scale=0.001) as server:
        yield server


def when(**conditions: Any) -> dict[str, Any]:
    """A scenario that answers 503 to requests that meet these conditions."""
    return {"rules": [{"when": conditions, "steps": [{"status": 503, "times": "forever"}]}]}


@PATHS
@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Authorization": ""}, 401, "Authorized header required"),
        ({"Authorization": "Basic x"}, 401, "Authorized header required"),
        ({"Content-Type": "text/plain"}, 415, "Content-Type must be application/json"),
        ({"Content-Encoding": "gzip"}, 415, "Send the body without Content-Encoding"),
        ({"X-Mock-Scenario": "nothing"}, 400, "nothing"),
        ({"Prefer": "code=429"}, 429, "Rate limit exceeded"),
        ({"X-Mock-Scenario": "server-error"}, 500, "Error fetching from origin server"),
    ],
)
def test_headers_are_treated_as_by_embed(
    mock: RemoteControl, path: str, headers: dict[str, str], status: int, message: str
) -> None:
    answer = rank(mock, BODY, path, **headers)
    assert answer.status_code == status
    assert message in answer.json()["error"]


@PATHS
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(mock: RemoteControl, path: str, method: str) -> None:
    answer = httpx.request(method, mock.base_url.removesuffix("/v1") + path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "path",
    ["/v1/code%2Frank", "/v2/code%2frank", "/v3/code/rank", "/v2/code/rank/", "/v2/code/embed"],
)
def test_paths_are_compared_as_they_were_sent(mock: RemoteControl, path: str) -> None:
    answer = rank(mock, BODY, path)
    assert answer.status_code == 404
    assert answer.json()["error"] == (
        "Bad Request: Route not found: the endpoints are POST /v1/code/embed, "
        "POST /v2/code/rank, POST /v1/code/rank"
    )


@PATHS
@pytest.mark.parametrize("body", [b"", b"{", b'{"query": NaN}', b"\xff"])
def test_a_body_that_is_not_json_is_refused(mock: RemoteControl, path: str, body: bytes) -> None:
    url = mock.base_url.removesuffix("/v1") + path
    headers = {"Authorization": f"Bearer {mock.api_key}", "Content-Type": "application/json"}
    answer = httpx.post(url, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Invalid JSON in request body: ")


def test_unknown_keys_and_large_bodies_are_refused() -> None:
    with relace_mock.running(api_keys=("rlc-known",), max_body=2000) as server:
        mock = server.control("rlc-known")
        assert rank(mock).status_code == 200
        assert rank(mock, BODY, Authorization="Bearer rlc-other").status_code == 404
        assert rank(mock, BODY, Authorization="Bearer mock.ok.me").status_code == 200
        large = rank(mock, BODY | {"query": "x" * 2000})
        assert (large.status_code, mock.requests[-1].status) == (413, 413)


def test_one_quota_counts_the_requests_to_all_endpoints(mock: RemoteControl) -> None:
    mock.play({"rate_limit": {"requests": 3, "per": "60s"}})
    answers = [ask(mock, EMBED), rank(mock), rank(mock, path=V1), rank(mock)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    mock.advance(60)
    assert rank(mock).status_code == 200


def test_a_refused_ranking_costs_nothing(mock: RemoteControl) -> None:
    mock.play({"rate_limit": {"requests": 1, "per": "60s"}})
    assert rank(mock, {}).status_code == 400
    assert rank(mock).status_code == 200


@PATHS
def test_a_script_answers_and_ends(mock: RemoteControl, path: str) -> None:
    mock.play({"steps": [{"status": 429, "retry_after": "2s"}, {"fault": "reset"}]})
    first = rank(mock, BODY, path)
    assert (first.status_code, first.headers["retry-after"]) == (429, "2")
    with pytest.raises(httpx.TransportError):
        rank(mock, BODY, path)
    assert rank(mock, BODY, path).status_code == 200
    assert [request.outcome for request in mock.requests] == ["answered", "faulted", "answered"]


def test_a_rule_answers_the_endpoint_that_it_names(mock: RemoteControl) -> None:
    """Refused requests have an endpoint too, so a rule can replace their answer."""
    mock.play(when(endpoint="rank"))
    assert ask(mock, EMBED).status_code == 200
    assert [rank(mock, BODY, path).status_code for path in (V1, V2)] == [503, 503]
    assert rank(mock, {}).status_code == 503
    mock.play(when(endpoint="embed"))
    assert ask(mock, EMBED).status_code == 503
    assert rank(mock).status_code == 200
    assert mock.requests[-1].raw["near_misses"] == [
        {"rule": 0, "why": "endpoint: is not 'embed'", "saw": "rank"}
    ]


@pytest.mark.parametrize(
    ("conditions", "meets"),
    [
        ({"input_contains": "cookie header"}, True),
        ({"input_contains": "find_route"}, True),
        ({"input_contains": "web/routes.py"}, True),
        ({"input_contains": "token_limit"}, False),
        ({"input_matches": r"def \w+_cookie"}, True),
        ({"input_matches": r"^mail\.py$"}, True),
        ({"input_matches": "nowhere"}, False),
        ({"min_inputs": 3}, True),
        ({"min_inputs": 4}, False),
        ({"max_inputs": 3}, True),
        ({"max_inputs": 2}, False),
        ({"would_be": 200, "attempt": 1}, True),
        ({"attempt": 2}, False),
        ({"header": {"Accept": "*/*"}}, True),
        ({"model": "relace-embed-v1"}, False),
        ({"output_dtype": "float"}, False),
    ],
)
@pytest.mark.parametrize("body", [BODY, OBSERVED], ids=["documented", "observed"])
def test_conditions_look_at_query_and_files(
    mock: RemoteControl, body: Any, conditions: dict[str, Any], meets: bool
) -> None:
    mock.play(when(**conditions))
    assert rank(mock, body).status_code == (503 if meets else 200)


def test_conditions_look_at_large_files_too(mock: RemoteControl) -> None:
    mock.play(when(input_contains="needle", endpoint="rank"))
    files = [{"filename": "a", "content": "x = 1\n" * 40_000 + tail} for tail in ("needle", "")]
    found = [rank(mock, BODY | {"codebase": [file]}).status_code for file in files]
    assert found == [503, 200]


def test_the_same_body_to_another_path_is_another_request(mock: RemoteControl) -> None:
    """A client that falls back to the older path has not retried."""
    mock.play({"rules": [{"when": {"attempt": 1}, "steps": [{"status": 500, "times": "forever"}]}]})
    statuses = [rank(mock, BODY, path).status_code for path in (V2, V1, V2, V1)]
    assert statuses == [500, 500, 200, 200]
    mock.reset()
    mock.play({"steps": [{"status": 404}]})
    assert [rank(mock, BODY, path).status_code for path in (V2, V1)] == [404, 200]
    assert mock.verdict().failures == []


def test_the_verdict_judges_retries_of_rankings(mock: RemoteControl) -> None:
    mock.play({"steps": [{"status": 400}]})
    assert [rank(mock).status_code for _ in range(2)] == [400, 200]
    assert [one.rule for one in mock.verdict().failures] == ["retried_non_retryable"]
    mock.reset()
    mock.play({"steps": [{"status": 500}]})
    rank(mock)
    rank(mock, BODY | {"relace_metadata": {"retry": 1}})
    assert [one.rule for one in mock.verdict().failures] == ["body_changed_on_retry"]


def test_the_verdict_does_not_mind_files_that_are_ranked_again(mock: RemoteControl) -> None:
    for query in ("a", "b", "c", "d"):
        assert rank(mock, BODY | {"query": query}).status_code == 200
    assert mock.verdict().findings == []


def test_the_journal_has_the_ranking(mock: RemoteControl) -> None:
    assert rank(mock).status_code == 200
    (request,) = mock.requests
    assert request.json() == BODY
    assert (request.path, request.status, request.outcome) == (V2, 200, "answered")


def test_the_access_log_counts_files_and_tokens() -> None:
    pipeline = Pipeline(Settings())
    lines: list[str] = []
    pipeline.journal.subscribe(AccessLog(lines.append))
    body = json.dumps(BODY).encode()
    headers = [(b"authorization", b"Bearer rlc-x"), (b"content-type", b"application/json")]
    exchange = pipeline.handle(Received("POST", V2, headers, body, len(body)), "here")
    exchange.read(body, len(body))
    exchange.answer()
    exchange.finish(left=False)
    assert re.search(r"  3 files  +\d+ tokens  POST /v2/code/rank$", lines[0])


def lists(answer: httpx.Response) -> Any:
    content = answer.json()
    return content["results"] if isinstance(content, dict) else content


Seen = Callable[[httpx.Response, httpx.Response], bool]
#: For each mutation that applies to the ranker, a check that the answer differs as it should.
SHOWS: dict[str, Seen] = {
    "drop_result": lambda lie, true: lists(lie) == lists(true)[:-1],
    "shuffle_results": lambda lie, true: (
        lists(lie) != lists(true) and sorted(names(lie)) == sorted(names(true))
    ),
    "unknown_filename": lambda lie, true: (
        names(lie)[0] not in [file["filename"] for file in FILES]
        and names(lie)[1:] == names(true)[1:]
    ),
    "score_out_of_range": lambda lie, true: (
        scores(lie)[0] > 1 and scores(lie)[1:] == scores(true)[1:] and names(lie) == names(true)
    ),
    "extra_fields": lambda lie, true: (
        lie.json().keys() > true.json().keys()
        and all(result.keys() > {"filename", "score"} for result in lists(lie))
    ),
    "reordered_keys": lambda lie, true: (
        lie.json() == true.json() and list(lie.json()) == ["usage", "results"]
    ),
    "omit_usage": lambda lie, true: lie.json() == {"results": lists(true)},
    "zero_usage": lambda lie, true: lie.json() == true.json() | {"usage": {"total_tokens": 0}},
    "truncated_json": lambda lie, true: (
        true.content.startswith(lie.content) and len(lie.content) > 0
    ),
    "html_body": lambda lie, _: lie.content.startswith(b"<!DOCTYPE html>"),
    "empty_body": lambda lie, _: lie.content == b"",
    "wrong_content_type": lambda lie, true: (
        lie.headers["content-type"].startswith("text/plain") and lie.json() == true.json()
    ),
    "gzip": lambda lie, true: (
        lie.headers["content-encoding"] == "gzip" and lie.json() == true.json()
    ),
}
#: The mutations among these that an array of file names cannot show.
ONLY_OBJECTS = {"score_out_of_range", "extra_fields", "reordered_keys", "omit_usage", "zero_usage"}


def test_every_mutation_of_the_ranker_is_in_the_table_of_this_file() -> None:
    assert SHOWS.keys() == {one.name for one in MUTATIONS.values() if "rank" in one.endpoints}


@PATHS
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_shows_in_a_ranking_or_waits_for_a_request_that_it_applies_to(
    mock: RemoteControl, path: str, name: str
) -> None:
    true = rank(mock, BODY, path)
    mock.play({"steps": [{"mutate": name}]})
    lie = rank(mock, BODY, path)
    assert lie.status_code == 200
    if name in SHOWS.keys() - (ONLY_OBJECTS if path == V1 else set()):
        assert SHOWS[name](lie, true)
        assert mock.requests[-1].mutations == [name]
        assert rank(mock, BODY, path).content == true.content
    else:
        assert lie.content == true.content
        assert mock.requests[-1].not_applicable
        for body, to in ((EMBED | {"input": ["a", "b"]}, None), (BODY, V2)):
            answered = ask(mock, body) if to is None else rank(mock, body, to)
            assert answered.status_code == 200
        assert [request.mutations for request in mock.requests[-2:]].count([name]) == 1


@PATHS
@pytest.mark.parametrize("name", ["drop_result", "shuffle_results", "unknown_filename"])
def test_a_mutation_needs_results_that_the_token_limit_surely_leaves(
    mock: RemoteControl, path: str, name: str
) -> None:
    body = BODY | {"token_limit": 1}
    mock.play({"steps": [{"mutate": name}]})
    assert names(rank(mock, body, path)) == []
    assert mock.requests[-1].not_applicable
    rank(mock, BODY, path)
    assert mock.requests[-1].mutations == [name]


def test_a_name_that_was_not_sent_is_never_one_that_was(mock: RemoteControl) -> None:
    files = [
        {"filename": name, "content": COOKIES} for name in ("never/sent.py", "never/never/sent.py")
    ]
    mock.play({"steps": [{"mutate": "unknown_filename"}]})
    lie = rank(mock, BODY | {"codebase": files})
    assert names(lie)[0] not in [file["filename"] for file in files]


@PATHS
def test_mutations_can_be_combined(mock: RemoteControl, path: str) -> None:
    mock.play(
        {"steps": [{"mutate": ["unknown_filename", "drop_result", "shuffle_results", "gzip"]}]}
    )
    lie = rank(mock, BODY, path)
    assert len(names(lie)) == 2
    assert lie.headers["content-encoding"] == "gzip"
    assert sum("never" in name for name in names(lie)) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{when: {endpoint: rank, model: m}, steps: [{status: 500}]}",
            "is a field of embed requests",
        ),
        (
            "{when: {endpoint: rank, output_dtype: binary}, steps: [{status: 500}]}",
            "is a field of embed requests",
        ),
        (
            "{when: {endpoint: rank}, steps: [{mutate: zero_vector}]}",
            "zero_vector changes only embed answers, but endpoint excludes them",
        ),
        (
            "{when: {endpoint: embed}, steps: [{mutate: score_out_of_range}]}",
            "score_out_of_range changes only rank answers, but endpoint excludes them",
        ),
        (
            "{when: {model: m}, steps: [{mutate: unknown_filename}]}",
            "unknown_filename changes only rank answers, but model excludes them",
        ),
        (
            "{when: {endpoint: apply}, steps: [{status: 500}]}",
            "'apply' is not known; there is embed, rank",
        ),
        ("{when: {endpoint: [rank]}, steps: [{status: 500}]}", "endpoint"),
    ],
)
def test_conditions_and_mutations_that_cannot_meet_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        read(f"rules: [{text}]".encode(), "a.yaml", "a")


def test_a_rule_for_all_endpoints_covers_one_for_rank_but_not_the_other_way_round() -> None:
    two = "rules: [{{when: {}, steps: [{{status: 500}}]}}, {{when: {}, steps: [{{status: 500}}]}}]"
    with pytest.raises(ScenarioError, match="is never reached"):
        read(two.format("{}", "{endpoint: rank}").encode(), "a.yaml", "a")
    read(two.format("{endpoint: rank}", "{}").encode(), "a.yaml", "a")
    read(two.format("{endpoint: rank}", "{endpoint: embed}").encode(), "a.yaml", "a")


@PATHS
def test_the_in_process_transport_ranks(mock: RemoteControl, path: str) -> None:
    headers = {"Authorization": "Bearer rlc-x"}
    with httpx.Client(transport=transport(), base_url="http://mock", headers=headers) as client:
        answer = client.post(path, json=BODY)
        assert answer.content == rank(mock, BODY, path).content
        client.put("/_mock/scenario", json={"steps": [{"fault": "reset"}]})
        with pytest.raises(httpx.ReadError):
            client.post(path, json=BODY)


@PATHS
def test_the_embedded_application_ranks(mock: RemoteControl, path: str) -> None:
    async def ask_inside() -> bytes:
        inner = httpx.ASGITransport(relace_mock.app())
        async with httpx.AsyncClient(transport=inner, base_url="http://mock") as client:
            headers = {"Authorization": "Bearer rlc-x"}
            return (await client.post(path, json=BODY, headers=headers)).content

    assert asyncio.run(ask_inside()) == rank(mock, BODY, path).content


def test_the_bundled_scenarios_of_the_ranker(mock: RemoteControl) -> None:
    """A client of both endpoints plays them."""
    mock.play("ranker-down")
    assert [rank(mock, BODY, path).status_code for path in (V2, V1, V2)] == [500] * 3
    assert ask(mock, EMBED).status_code == 200
    mock.play("ranker-lies")
    ask(mock, EMBED)
    strange, high, honest = (rank(mock) for _ in range(3))
    assert names(strange)[0] not in [file["filename"] for file in FILES]
    assert scores(high)[0] > 1
    assert scores(honest)[0] <= 1
    assert [request.mutations for request in mock.requests[-3:]] == [
        ["unknown_filename"],
        ["score_out_of_range"],
        [],
    ]


UNIT = [1.0] + [0.0] * 7


def test_known_vectors_decide_the_scores_of_their_texts(mock: RemoteControl) -> None:
    """A file with an entry has the score of its cosine; others keep the score of their words."""
    before = dict(zip(names(rank(mock)), scores(rank(mock)), strict=True))
    story = [{"text": MAIL, "near": QUERY, "cosine": 0.6}]
    mock.play({"dimensions": 2560, "vectors": story})
    answer = rank(mock)
    after = dict(zip(names(answer), scores(answer), strict=True))
    assert after == before | {"mail.py": 0.9}


def test_a_query_with_a_fixed_vector_is_compared_in_the_dimensions_of_the_scenario(
    mock: RemoteControl,
) -> None:
    story: list[dict[str, Any]] = [
        {"text": QUERY, "vector": UNIT},
        {"text": ROUTES, "vector": UNIT},
        {"text_matches": "parse_cookie", "near": QUERY, "cosine": 0.3},
        {"text": MAIL, "vector": [-1.0, *[0.0] * 7]},
    ]
    mock.play({"dimensions": 8, "vectors": story})
    answer = rank(mock)
    assert names(answer) == ["web/routes.py", "web/cookies.py", "mail.py"]
    assert scores(answer) == [1, 0.55, 0]


def test_known_vectors_of_other_texts_change_no_score(mock: RemoteControl) -> None:
    before = rank(mock).content
    mock.play({"dimensions": 8, "vectors": [{"text": "another text", "vector": UNIT}]})
    assert rank(mock).content == before
