"""The family RANK: when its checks run, and what they leave open."""

from __future__ import annotations

import json
from typing import Any

import pytest

import relace_mock
from relace_contract.address import base_url
from relace_contract.judgement import Judgement, Report
from relace_contract.server.options import ServerOptions
from relace_contract.server.rank_bodies import BAD_BODIES, EMPTY_BODIES, GOOD, OBSERVED
from relace_contract.server.rank_schema import fault
from relace_contract.server.verify import verify
from tests.kit.judging import found, held, judged
from tests.kit.mutants import change
from tests.kit.reference import Asked, Reference, Refused

V1, V2 = "/v1/code/rank", "/v2/code/rank"


def lacking(status: int, *paths: str) -> tuple[type[Reference], list[str]]:
    """The reference without these paths, and the paths that it was asked for."""
    seen: list[str] = []

    def route(self: Reference, asked: Asked) -> None:
        seen.append(asked.path)
        if asked.path in paths:
            raise Refused(status, "nothing here")
        Reference.route(self, asked)

    return change(route=route), seen


def unclaimed(report: Report) -> dict[str, str]:
    return {
        result.requirement.id: result.note
        for result in report.results
        if result.judgement is Judgement.NOT_CLAIMED
    }


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_a_ranker_is_asked_once_for_each_path(status: int) -> None:
    """The kit sends no generated requests to such paths."""
    app, seen = lacking(status, V1, V2)
    report = judged(app(), "RANK", examples=5)
    assert report.exit_code == 0
    assert {result.judgement for result in report.results} == {Judgement.NOT_CLAIMED}
    assert unclaimed(report)["RANK-answer"] == f"no ranker: POST {V2} is answered with {status}"
    assert (seen.count(V1), seen.count(V2)) == (1, 1)


def test_each_path_is_claimed_by_itself() -> None:
    app, seen = lacking(404, V1)
    report = judged(app(), "RANK", examples=5)
    assert found(report) == {}
    assert set(unclaimed(report)) == {"RANK-names", "RANK-agree"}
    assert {"RANK-answer", "RANK-invalid", "RANK-fuzz-valid"} <= held(report)
    assert seen.count(V1) == 1
    report = judged(lacking(501, V2)[0](), "RANK", examples=5)
    assert found(report) == {}
    assert {"RANK-names", "RANK-invalid", "RANK-fuzz-valid"} <= held(report)
    assert "RANK-answer" in unclaimed(report)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_ranker_that_answers_anything_else_is_claimed_and_judged(status: int) -> None:
    report = judged(lacking(status, V1, V2)[0](), "RANK-answer")
    assert f"a ranking: 200 expected, not {status}" in found(report)["RANK-answer"]


@pytest.mark.parametrize(
    ("contract", "says"), [("observed", "is answered, as observed"), ("documented", "is refused")]
)
def test_the_mock_is_clean_in_both_contracts(contract: Any, says: str) -> None:
    with relace_mock.running(contract=contract) as server:
        report = verify(ServerOptions(url=server.base_url, only=("RANK",), examples=5), print)
    assert found(report) == {}
    (note,) = [one.note for one in report.results if one.requirement.id == "RANK-observed"]
    assert says in note


def test_a_body_that_is_only_observed_to_work_may_be_answered_either_way() -> None:
    for body in (OBSERVED, OBSERVED | {"token_limit": 5}, GOOD | {"relace-metadata": {}}):
        assert not fault(json.dumps(body).encode())
    for body in EMPTY_BODIES.values():
        assert fault(json.dumps(body).encode()) == ""
    assert fault(json.dumps(GOOD).encode()) is None
    for bad in BAD_BODIES.values():
        assert fault(bad if isinstance(bad, bytes) else json.dumps(bad).encode())
    assert fault(json.dumps(OBSERVED | {"query": 5}).encode())


@pytest.mark.parametrize(("path", "base"), [("/v2/code/rank", ""), ("/a/v1/code/rank", "/a/v1")])
def test_the_url_of_the_ranker_is_no_base_url(path: str, base: str) -> None:
    with pytest.raises(ValueError, match=f"end in /code/rank: write http://127.0.0.1:1{base}$"):
        base_url(f"http://127.0.0.1:1{path}")
