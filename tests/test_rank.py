"""``POST /v2/code/rank`` and ``/v1/code/rank``: what they take, and what they answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import given, settings

import relace_mock
from relace_mock import RemoteControl, RunningServer, contract
from relace_mock.validation.rank import CODE, METADATA, NO_TOKEN_LIMIT
from tests.conftest import KEY
from tests.ranking import BODY, COOKIES, FILES, OBSERVED, QUERY, V1, V2, names, rank, scores

OR_OBSERVED = "or start the mock with --contract observed"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(max_inputs=64) as server:
        yield server


@pytest.fixture(scope="module")
def documented() -> Iterator[RunningServer]:
    with relace_mock.running(contract="documented") as server:
        yield server


def test_the_newer_path_answers_scores_best_first_and_tokens(mock: RemoteControl) -> None:
    answer = rank(mock)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert contract.validator("RankResponse").is_valid(answer.json())
    assert names(answer)[0] == "web/cookies.py"
    assert sorted(names(answer)) == sorted(file["filename"] for file in FILES)
    assert scores(answer) == sorted(scores(answer), reverse=True)
    assert scores(answer)[0] > 0.5
    assert scores(answer)[1] < 0.3
    assert answer.json()["usage"]["total_tokens"] > 0


def test_the_older_path_answers_the_same_order_as_file_names_alone(mock: RemoteControl) -> None:
    answer = rank(mock, path=V1)
    assert answer.status_code == 200
    assert contract.validator("RankedNames").is_valid(answer.json())
    assert answer.json() == names(rank(mock))


def test_an_answer_repeats_to_the_last_byte(mock: RemoteControl) -> None:
    assert rank(mock).content == rank(mock).content


def test_a_score_depends_neither_on_other_files_nor_on_their_order(mock: RemoteControl) -> None:
    whole = {result["filename"]: result["score"] for result in rank(mock).json()["results"]}
    backwards = rank(mock, BODY | {"codebase": FILES[::-1]}).json()["results"]
    assert {result["filename"]: result["score"] for result in backwards} == whole
    for file in FILES:
        assert scores(rank(mock, BODY | {"codebase": [file]})) == [whole[file["filename"]]]


@pytest.mark.parametrize("path", [V1, V2])
def test_files_that_score_alike_come_in_the_order_in_which_they_were_sent(
    mock: RemoteControl, path: str
) -> None:
    files = [{"filename": name, "content": COOKIES} for name in ("z", "a", "m")]
    assert names(rank(mock, BODY | {"codebase": files}, path)) == ["z", "a", "m"]


@pytest.mark.parametrize("path", [V1, V2])
def test_files_of_the_same_name_are_separate_results(mock: RemoteControl, path: str) -> None:
    files = [file | {"filename": "same.py"} for file in FILES]
    assert names(rank(mock, BODY | {"codebase": files}, path)) == ["same.py"] * 3


def tokens(mock: RemoteControl, *files: dict[str, str]) -> int:
    """The tokens of files."""
    of_query, of_all = (
        rank(mock, {"query": QUERY, "codebase": codebase, "token_limit": 1000}).json()
        for codebase in (
            [{"filename": "", "content": ""}],
            [*files, {"filename": "", "content": ""}],
        )
    )
    count: int = of_all["usage"]["total_tokens"] - of_query["usage"]["total_tokens"]
    return count


def test_the_token_limit_keeps_whole_files_from_the_best_down_while_they_fit(
    mock: RemoteControl,
) -> None:
    whole = rank(mock)
    by_name = {file["filename"]: file for file in FILES}
    ranked = [by_name[name] for name in names(whole)]
    for kept in (1, 2, 3):
        enough = tokens(mock, *ranked[:kept])
        answer = rank(mock, BODY | {"token_limit": enough})
        assert answer.json()["results"] == whole.json()["results"][:kept]
        assert answer.json()["usage"] == whole.json()["usage"]
        assert names(rank(mock, BODY | {"token_limit": enough - 1}, V1)) == names(whole)[: kept - 1]


def test_no_smaller_file_takes_the_place_of_one_that_does_not_fit(mock: RemoteControl) -> None:
    """The files that are left out have the lowest scores."""
    files = [
        {"filename": "best", "content": COOKIES * 20},
        {"filename": "small", "content": "x = 1\n"},
    ]
    assert names(rank(mock, BODY | {"codebase": files, "token_limit": 50})) == []


def test_an_empty_query_and_empty_files_are_ranked(mock: RemoteControl) -> None:
    files = [{"filename": "", "content": ""}, FILES[1]]
    answer = rank(mock, BODY | {"codebase": files})
    assert (answer.status_code, names(answer)) == (200, ["web/cookies.py", ""])
    assert rank(mock, BODY | {"query": ""}).status_code == 200


def test_unknown_fields_are_ignored_and_metadata_is_accepted(mock: RemoteControl) -> None:
    body = BODY | {"relace_metadata": {"a": [1]}, "model": "m", "x": None}
    body["codebase"] = [file | {"language": "python", "code": 5} for file in FILES]
    assert rank(mock, body).content == rank(mock).content
    assert [request.notes for request in mock.requests] == [[], []]


@pytest.mark.parametrize("limit", [100_000, 100_000.0, 10**30])
def test_a_token_limit_is_any_whole_number_from_one(mock: RemoteControl, limit: float) -> None:
    assert rank(mock, BODY | {"token_limit": limit}).content == rank(mock).content


def test_what_clients_are_observed_to_send_is_answered_and_noted(mock: RemoteControl) -> None:
    assert rank(mock, OBSERVED).content == rank(mock).content
    assert [request.notes for request in mock.requests] == [[CODE, NO_TOKEN_LIMIT, METADATA], []]
    assert [request.violations for request in mock.requests] == [[], []]
    verdict = mock.verdict()
    assert (verdict.ok, verdict.findings) == (True, [])


@pytest.mark.parametrize("path", [V1, V2])
def test_a_missing_token_limit_counts_as_100000(mock: RemoteControl, path: str) -> None:
    files = [
        {"filename": name, "content": text}
        for name, text in (("a", "x " * 99_990), ("b", "x " * 20))
    ]
    asked = {"query": "x", "codebase": files}
    short = rank(mock, asked, path)
    assert short.status_code == 200
    assert names(short) == names(rank(mock, asked | {"token_limit": 100_000}, path))
    assert len(names(short)) == 1
    assert len(names(rank(mock, asked | {"token_limit": 200_000}, path))) == 2


def test_files_with_code_and_with_content_may_be_mixed(mock: RemoteControl) -> None:
    mixed = [OBSERVED["codebase"][0], *FILES[1:]]
    assert rank(mock, BODY | {"codebase": mixed}).content == rank(mock).content
    assert mock.requests[0].notes == [CODE]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            BODY | {"codebase": [FILES[0], OBSERVED["codebase"][1]]},
            f"codebase[1].content is required: rename code to content, {OR_OBSERVED}",
        ),
        (
            {name: value for name, value in BODY.items() if name != "token_limit"},
            f"token_limit is required: send 100000, {OR_OBSERVED}",
        ),
        (
            BODY | {"relace-metadata": {}},
            f"relace-metadata is not documented: rename it to relace_metadata, {OR_OBSERVED}",
        ),
    ],
)
def test_the_documented_contract_refuses_what_is_only_observed_and_says_what_to_send(
    documented: RunningServer, body: Any, message: str
) -> None:
    mock = documented.control("rlc-documented")
    mock.reset()
    for path in (V1, V2):
        answer = rank(mock, body, path)
        assert (answer.status_code, answer.json()) == (400, {"error": message})
    assert rank(mock).status_code == 200
    assert {finding.rule for finding in mock.verdict().failures} == {"contract_violation"}


BAD: list[tuple[Any, str]] = [
    ([], "the body must be an object, not an array"),
    (BODY | {"query": None}, "query must be a string, not null"),
    ({"codebase": FILES}, "query is required"),
    ({"query": QUERY}, "codebase is required"),
    (BODY | {"codebase": []}, "codebase must not be empty"),
    (BODY | {"codebase": {}}, "codebase must be an array, not an object"),
    (BODY | {"codebase": ["x"]}, "codebase[0] must be an object, not a string"),
    (BODY | {"codebase": [{"content": ""}]}, "codebase[0].filename is required"),
    (BODY | {"codebase": [{"filename": ""}]}, "codebase[0].content is required"),
    (
        BODY | {"codebase": [*FILES, {"filename": 5, "content": ""}]},
        "codebase[3].filename must be a string, not a number",
    ),
    (
        BODY | {"codebase": [{"filename": "", "content": [""]}]},
        "codebase[0].content must be a string, not an array",
    ),
    (
        BODY | {"codebase": [{"filename": "", "code": None}]},
        "codebase[0].code must be a string, not null",
    ),
    (BODY | {"token_limit": 0}, "token_limit must be at least 1, not 0"),
    (BODY | {"token_limit": -5}, "token_limit must be at least 1, not -5"),
    (BODY | {"token_limit": 1.5}, "token_limit must be an integer, not a number"),
    (BODY | {"token_limit": None}, "token_limit must be an integer, not null"),
    (BODY | {"token_limit": "9"}, "token_limit must be an integer, not a string"),
    (BODY | {"relace_metadata": []}, "relace_metadata must be an object, not an array"),
    (BODY | {"relace-metadata": 1}, "relace-metadata must be an object, not a number"),
]


@pytest.mark.parametrize(("body", "message"), BAD, ids=[message for _, message in BAD])
@pytest.mark.parametrize("path", [V1, V2])
def test_a_bad_body_is_refused_with_its_first_fault(
    mock: RemoteControl, path: str, body: Any, message: str
) -> None:
    answer = rank(mock, body, path)
    assert (answer.status_code, answer.json()) == (400, {"error": message})
    assert mock.requests[-1].violations == [message]


def test_too_many_files_are_refused(mock: RemoteControl) -> None:
    answer = rank(mock, BODY | {"codebase": [FILES[0]] * 65})
    assert answer.status_code == 413
    assert answer.json()["error"] == (
        "codebase has 65 files, but this server accepts at most 64 in a request (--max-inputs)"
    )
    assert rank(mock, BODY | {"codebase": [FILES[0]] * 64}).status_code == 200


@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_deep_values_in_any_field_are_refused_or_ignored(mock: RemoteControl, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    text = json.dumps(BODY)
    headers = {"Authorization": f"Bearer {mock.api_key}", "Content-Type": "application/json"}
    url = mock.base_url.removesuffix("/v1") + V2
    for body in (
        text.replace('"query": ', f'"query": {deep}, "x": '),
        text.replace('"content": ', f'"content": {deep}, "x": ', 1),
        text.replace('"token_limit": ', f'"x": {deep}, "token_limit": '),
        text.replace('"token_limit": ', f'"relace_metadata": {{"x": {deep}}}, "token_limit": '),
    ):
        assert httpx.post(url, content=body, headers=headers).status_code in (200, 400)


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize("mode", ["observed", "documented"])
def test_every_request_that_the_served_schema_allows_is_answered(
    path: str, mode: Any, running: RunningServer, documented: RunningServer
) -> None:
    """Schemathesis generates the requests, for each contract."""
    server = running if mode == "observed" else documented
    operation = schemathesis.openapi.from_dict(contract.served(mode))[path]["POST"]

    @given(operation.as_strategy())
    @settings(max_examples=40, deadline=None, database=None)
    def answered(case: Any) -> None:
        response = case.call(base_url=server.url, headers=KEY)
        assert response.status_code == 200, response.text

    answered()


def test_the_served_schema_accepts_what_the_server_accepts(
    running: RunningServer, documented: RunningServer
) -> None:
    for server, accepts in ((running, True), (documented, False)):
        served = httpx.get(f"{server.url}/openapi.json").json()
        schema = {"$ref": "#/components/schemas/RankRequest", "components": served["components"]}
        validator = jsonschema_rs.Draft202012Validator(schema)
        assert validator.is_valid(BODY)
        assert validator.is_valid(OBSERVED) == accepts
        assert not validator.is_valid(BODY | {"codebase": [{"filename": "a"}]})
