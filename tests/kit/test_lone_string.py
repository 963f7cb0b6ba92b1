"""A lone string as ``input``: documented as wrong, observed to work, so both are correct."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relace_contract.judgement import Judgement, Report
from relace_contract.known_failures import KnownFailures
from relace_contract.server.round_trip import Request, RoundTrip
from relace_contract.server.schema import _judged
from relace_contract.server.subject import JSON
from tests.kit.judging import found, judged
from tests.kit.mutants import MUTANTS, without
from tests.kit.reference import Answer, Asked, Reference


async def _wrapped(self: Reference, body: dict[str, Any]) -> Any:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    return await Reference.taken(self, {**body, "input": texts})


ACCEPTS = without("input-string", taken=_wrapped)


def noted(report: Report) -> tuple[Judgement, str]:
    (result,) = (one for one in report.results if one.requirement.id == "NEG-input-string")
    assert result.breaches == ()
    return result.judgement, result.note


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("app", "words"),
    [(Reference, "is refused, as documented"), (ACCEPTS, "as observed")],
    ids=["refuses", "accepts"],
)
def test_a_lone_string_may_be_accepted_or_refused_and_the_report_says_which(
    app: type[Reference], words: str, seed: int
) -> None:
    report = judged(app(), "NEG", "SCHEMA", seed=seed, strict=True)
    assert report.exit_code == 0
    assert found(report) == {}
    outcome, note = noted(report)
    assert outcome is Judgement.INFORMS
    assert words in note


def test_a_lone_string_as_known_failure_never_becomes_stale() -> None:
    for app in (Reference, ACCEPTS):
        report = judged(
            app(), "NEG-input-string", known=KnownFailures(frozenset({"NEG-input-string"}))
        )
        assert noted(report)[0] is Judgement.INFORMS
        assert report.exit_code == 0


class _Refuses422(Reference):
    def refused(self, asked: Asked, answer: Answer) -> Answer:
        lone = b'"input": "' in asked.body
        return Answer(422, answer.content) if lone else answer


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        (MUTANTS["input-string-spelt"], "is one text, but got 13 results"),
        (MUTANTS["input-string-fails"], "200 or 400 expected, not 500"),
        (_Refuses422, "200 or 400 expected, not 422"),
    ],
    ids=["spelt", "500", "422"],
)
def test_any_other_answer_is_a_finding_that_informs(app: type[Reference], problem: str) -> None:
    report = judged(app(), "NEG-input-string")
    assert problem in found(report)["NEG-input-string"]
    (result,) = (one for one in report.results if one.requirement.id == "NEG-input-string")
    assert result.judgement is Judgement.INFORMS


@pytest.mark.parametrize("mutant", ["input-string-spelt", "input-string-fails"])
def test_the_check_of_all_bodies_fails_for_an_answer_that_is_neither(mutant: str) -> None:
    assert "SCHEMA-coverage" in found(judged(MUTANTS[mutant](), "SCHEMA-coverage"))


def answered(body: Any, status: int, results: int = 1) -> str | None:
    """The judgement of the kit about this answer to a generated body."""
    content: Any = {"results": [{}] * results} if status == 200 else {"error": "no"}
    request = Request("POST", "http://h/v1/code/embed", JSON, json.dumps(body).encode())
    return _judged(RoundTrip(request, status, body=json.dumps(content).encode()))


@pytest.mark.parametrize("text", ["", "a", "two words", "\0", "é", "0" * 5000])
@pytest.mark.parametrize("more", [{}, {"output_dtype": "binary"}, {"unknown": [1]}], ids=str)
def test_a_generated_body_with_only_a_lone_string_may_get_200_or_400(
    text: str, more: dict[str, Any]
) -> None:
    body = {"model": "m", "input": text, **more}
    assert answered(body, 200) is answered(body, 400) is None
    assert "is one text, but got 0 results" in str(answered(body, 200, results=0))
    assert "the server must not fail" in str(answered(body, 500))


def test_a_second_fault_beside_it_is_still_a_fault() -> None:
    for fault in ({"model": 5}, {"output_dtype": None}, {"model": "m", "output_dtype": "int8"}):
        assert "an invalid body is accepted" in str(answered({"input": "a", **fault}, 200))
