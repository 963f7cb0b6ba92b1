"""A report shows each cause once, with its remedy, and counts and names all that it breaks."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from relace_contract.judgement import Judgement
from relace_contract.reports.causes import causes
from relace_contract.server.remedies import remedy
from relace_contract.server.round_trip import Request, RoundTrip
from tests.kit.judging import held, judged
from tests.kit.judging_clients import judged_client
from tests.kit.mutants import MUTANTS
from tests.kit.plain_fastapi import app
from tests.kit.running import running
from tests.kit.test_command import verify


@pytest.fixture(scope="module")
def fastapi() -> Iterator[str]:
    with running(app) as url:
        yield url


def test_forty_findings_of_a_plain_fastapi_server_are_a_few_blocks(
    fastapi: str, tmp_path: Path
) -> None:
    path = tmp_path / "r.json"
    done = verify(fastapi, "--only", "NEG,ENV,METH,SCHEMA-status", "--report", str(path))
    assert done.returncode == 1
    assert done.stdout.count("sent:") < 15
    assert "NEG-no-model, NEG-no-input, NEG-model-null, NEG-model-number, " in done.stdout
    assert "RequestValidationError" in done.stdout
    assert "starlette.exceptions.HTTPException" in done.stdout
    report = json.loads(path.read_text(encoding="utf-8"))
    (cause,) = (one for one in report["causes"] if one["cause"].startswith("422 where"))
    assert "FastAPI" in cause["remedies"][0]
    # Older FastAPI reads a body without a content type as JSON.
    strict = "strict_content_type" in inspect.signature(FastAPI).parameters
    assert ("NEG-no-content-type" in cause["checks"]) is strict
    count = 30 if strict else 29
    assert len(cause["checks"]) == count
    assert f"FAILS  {count} checks: 422 where the contract says 400" in done.stdout
    # The reports have each finding, as CI shows them one by one.
    findings = {one["id"]: one["findings"] for one in report["checks"] if one["findings"]}
    assert set(cause["checks"]) <= set(findings)


def test_verbose_shows_every_finding(fastapi: str) -> None:
    done = verify(fastapi, "--only", "NEG-no-model,NEG-no-input,NEG-model-null", "--verbose")
    for name in ("NEG-no-model", "NEG-no-input", "NEG-model-null"):
        assert f"FAILS  {name}  (MUST, " in done.stdout
        assert f"--only {name} --seed 0" in done.stdout


def test_each_wrongly_accepted_body_is_a_separate_finding(fastapi: str) -> None:
    done = verify(fastapi, "--only", "NEG-empty-model,NEG-empty-input,NEG-nan")
    for name in ("NEG-empty-model", "NEG-empty-input", "NEG-nan"):
        assert f"FAILS  {name}  (MUST, " in done.stdout


def test_a_finding_runs_its_own_check_again_though_another_saw_it(fastapi: str) -> None:
    done = verify(fastapi, "--only", "METH-405,NEG-nan,PREC", "--verbose")
    (block,) = re.findall(r"FAILS  SCHEMA-status .*?again: +(.*?)\n", done.stdout, re.DOTALL)
    assert "--only SCHEMA-status --only PREC-key-first --seed 0" in block
    again = verify(*block.removeprefix("relace-mock verify-server ").split())
    assert "FAILS  SCHEMA-status" in again.stdout


def test_a_server_that_answers_403_for_401_has_one_cause_and_keeps_the_order_of_checks() -> None:
    report = judged(MUTANTS["missing-auth-403"](), "AUTH", "PREC", "SCHEMA-status", "RANK-auth")
    assert {cause.text for cause in causes(report)} == {"403 where the contract says 401"}
    assert "PREC-key-first" in held(report)


def test_wrong_numbers_of_results_are_one_cause() -> None:
    report = judged(MUTANTS["batch-cut-at-1024"](), "BIJ-count")
    (cause,) = causes(report)
    assert cause.text == "fewer results than texts"


def test_errors_of_another_form_are_one_cause_at_all_paths() -> None:
    report = judged(MUTANTS["error-object"](), "ENV-shape", "RANK-errors")
    (cause,) = causes(report)
    assert set(cause.ids) == {"ENV-shape", "RANK-errors"}


def test_a_client_without_a_key_has_one_cause_and_checks_that_could_not_be_exercised() -> None:
    report = judged_client("key-without-scheme", "REQ", "ERR", "BAT", examples=2)
    unseen = report.count(Judgement.UNSEEN)
    assert unseen + report.count(Judgement.FAILS) == report.red
    for cause in causes(report):
        if cause.judgement is Judgement.UNSEEN:
            assert not any("could not be exercised" in word for word in cause.text.splitlines())
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("client", "fault"),
    [
        ("other-path", "REQ-01"),
        ("type-text", "REQ-03"),
        ("model-fixed", "REQ-04"),
        ("input-renamed", "REQ-04"),
        ("key-missing-on-retry", "REQ-02"),
    ],
)
def test_a_fault_of_all_requests_fails_one_check_and_the_others_could_not_be_exercised(
    client: str, fault: str
) -> None:
    only = ("REQ-01", "REQ-02", "REQ-03", "REQ-04", "RSP-01", "ERR-01", "RET-04", "RET-11")
    report = judged_client(client, *only, "BAT-03", examples=2)
    assert [one.requirement.id for one in report.results if one.judgement is Judgement.FAILS] == [
        fault
    ]
    unseen = [one for one in causes(report) if one.judgement is Judgement.UNSEEN]
    assert len(unseen) == 1
    assert "RET-11" in unseen[0].ids


def test_messages_that_are_lost_are_one_cause() -> None:
    report = judged_client("message-lost", "ERR-01", "ERR-02", "ERR-05", "RET-04")
    assert [cause.text for cause in causes(report)] == ["error messages lack the server's message"]


HABITS = {
    "RequestValidationError": (422, "application/json", b'{"detail": [{"msg": "no"}]}'),
    "answers an HTTPException": (401, "application/json", b'{"detail": {"reason": "no key"}}'),
    "Django REST framework": (
        401,
        "application/json",
        b'{"detail": "Authentication credentials were not provided."}',
    ),
    "Starlette answers its own errors": (401, "text/plain; charset=utf-8", b"Unauthorized"),
    "aiohttp answers": (404, "text/plain; charset=utf-8", b"404: Not Found"),
    "Gin": (404, "text/plain; charset=utf-8", b"404 page not found\n"),
    "Django answers": (
        404,
        "text/html; charset=utf-8",
        b'<!doctype html>\n<html lang="en">\n<head>\n</head><body>\n  <h1>Not Found</h1><p>no</p>',
    ),
    "ASP.NET Core": (400, "application/problem+json", b'{"title": "no", "status": 400}'),
    "starlette.exceptions.HTTPException": (404, "application/json", b'{"detail": "Not Found"}'),
    "Starlette answers": (405, "text/plain; charset=utf-8", b"Method Not Allowed"),
    "Express answers": (
        404,
        "text/html; charset=utf-8",
        b"<!DOCTYPE html>\n<title>Error</title>\n</head><body>\n<pre>Cannot POST /v1/x</pre>\n",
    ),
    "Flask answers": (
        405,
        "text/html; charset=utf-8",
        b"<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n<h1>no</h1>",
    ),
}


@pytest.mark.parametrize("words", HABITS)
def test_the_habits_of_frameworks_have_a_remedy(words: str) -> None:
    status, media_type, body = HABITS[words]
    request = Request("POST", "http://h/v1", (), b"")
    trip = RoundTrip(request, status, (("content-type", media_type),), body)
    assert words in remedy(trip)


def test_express_is_recognised_by_its_header_even_in_plain_text() -> None:
    request = Request("POST", "http://h/v1", (), b"")
    headers = (("content-type", "text/plain; charset=utf-8"), ("x-powered-by", "Express"))
    assert "Express answers" in remedy(RoundTrip(request, 404, headers, b"Not Found"))


def test_other_errors_have_none() -> None:
    request = Request("POST", "http://h/v1", (), b"")
    for body in (b'{"error": "no"}', b"<h1>no</h1>", b"no", b"", b"[]", b"null"):
        assert remedy(RoundTrip(request, 400, (("content-type", "text/html"),), body)) == ""
