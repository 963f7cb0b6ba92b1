"""A lone string as ``input``: clients send it, the documentation forbids it, a setting decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
import yaml
from hypothesis import given, settings
from openapi_spec_validator import validate as validate_openapi

import relace_mock
from relace_mock import RemoteControl, RunningServer, SettingsError, contract
from relace_mock.validation.embed import LONE_STRING
from tests.conftest import KEY
from tests.steering import ask

LONE = {"model": "m", "input": "def add(a, b): return a + b"}
LISTED = LONE | {"input": [LONE["input"]]}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=64) as server:
        yield server


@pytest.fixture(scope="module")
def documented() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=64, contract="documented") as server:
        yield server


@pytest.mark.parametrize("text", ["def add(a, b): return a + b", "", "é😀", "a\nb"])
@pytest.mark.parametrize("dtype", ["float", "binary"])
def test_a_lone_string_is_answered_like_a_list_of_one(
    mock: RemoteControl, text: str, dtype: str
) -> None:
    lone = ask(mock, {"model": "m", "input": text, "output_dtype": dtype})
    listed = ask(mock, {"model": "m", "input": [text], "output_dtype": dtype})
    assert (lone.status_code, lone.content) == (200, listed.content)


def test_the_journal_notes_a_lone_string_and_the_verdict_accepts_it(mock: RemoteControl) -> None:
    ask(mock, LONE)
    ask(mock, LISTED)
    assert [request.notes for request in mock.requests] == [[LONE_STRING], []]
    assert [request.violations for request in mock.requests] == [[], []]
    verdict = mock.verdict()
    assert (verdict.ok, verdict.findings) == (True, [])


def test_the_documented_contract_refuses_a_lone_string_and_says_what_to_send(
    documented: RunningServer,
) -> None:
    mock = documented.control("rlc-documented")
    answer = ask(mock, LONE)
    assert answer.status_code == 400
    message = answer.json()["error"]
    assert message.startswith('input must be an array, not a string: send a list of one, ["…"]')
    assert "--contract observed" in message
    assert ask(mock, LISTED).status_code == 200
    assert [request.notes for request in mock.requests] == [[], []]
    assert [finding.rule for finding in mock.verdict().failures] == ["contract_violation"]


def test_conditions_and_mutations_treat_a_lone_string_as_a_list_of_one(mock: RemoteControl) -> None:
    when = {"min_inputs": 1, "max_inputs": 1, "input_contains": "add"}
    scenario = {
        "rules": [{"when": when, "steps": [{"status": 503}, {"mutate": "wrong_dimension"}]}]
    }
    mock.play(scenario)
    assert ask(mock, LONE).status_code == 503
    assert len(ask(mock, LONE).json()["results"][0]["embedding"]) == 32
    mock.play({"steps": [{"mutate": "shuffle_results"}]})
    ask(mock, LONE)
    assert mock.requests[-1].not_applicable


def test_the_verdict_counts_a_lone_string_and_a_list_of_it_as_the_same_text(
    mock: RemoteControl,
) -> None:
    """A retry that wraps the string has a different body, and a string is no list of letters."""
    mock.play({"steps": [{"status": 500}]})
    ask(mock, LONE)
    ask(mock, LISTED)
    assert "body_changed_on_retry" in [finding.rule for finding in mock.verdict().failures]
    mock.stop()
    mock.reset()
    for _ in range(3):
        ask(mock, {"model": "m", "input": "aab"})
    (finding,) = mock.verdict().findings
    assert finding.message == "1 text was embedded 3 times or more, such as 'aab'"


@pytest.mark.parametrize("value", [None, 5, True, {"0": "a"}, [["a"]], ["a", 1], []])
def test_no_other_value_is_accepted_in_place_of_a_list(mock: RemoteControl, value: Any) -> None:
    assert ask(mock, {"model": "m", "input": value}).status_code == 400


def test_a_server_serves_the_contract_that_it_enforces(
    running: RunningServer, documented: RunningServer
) -> None:
    for server, lone_is_valid in ((running, True), (documented, False)):
        served = httpx.get(f"{server.url}/openapi.json").json()
        written = yaml.safe_load(httpx.get(f"{server.url}/openapi.yaml").text)
        for document in (served, written):
            validate_openapi(document)
            schema = document["components"]["schemas"]["EmbedRequest"]
            validator = jsonschema_rs.Draft202012Validator(schema)
            assert validator.is_valid(LISTED)
            assert validator.is_valid(LONE) == lone_is_valid
            assert not validator.is_valid(LONE | {"input": 5})


def test_the_served_schema_of_a_lone_string_says_how_it_is_known() -> None:
    schema = contract.served("observed")["components"]["schemas"]["EmbedRequest"]["properties"]
    array, lone = schema["input"]["anyOf"]
    assert schema["input"]["x-provenance"]["anyOf"].startswith("documented; the alternative: obs")
    assert array["x-provenance"]["type"] == "documented"
    assert lone["x-provenance"]["type"].startswith("observed")
    assert set(array["x-provenance"]) == {"type", "minItems"}


@pytest.mark.parametrize("mode", ["observed", "documented"])
def test_every_request_that_the_served_schema_allows_is_answered(
    mode: Any, running: RunningServer, documented: RunningServer
) -> None:
    """Schemathesis generates the requests, for each contract."""
    server = running if mode == "observed" else documented
    operation = schemathesis.openapi.from_dict(contract.served(mode))["/v1/code/embed"]["POST"]

    @given(operation.as_strategy())
    @settings(max_examples=40, deadline=None, database=None)
    def answered(case: Any) -> None:
        response = case.call(base_url=server.url, headers=KEY)
        assert response.status_code == 200, response.text

    answered()


def test_an_unknown_contract_is_refused() -> None:
    with pytest.raises(SettingsError, match="contract must be observed or documented"):
        relace_mock.transport(contract="strict")  # type: ignore[arg-type] # what is tested
