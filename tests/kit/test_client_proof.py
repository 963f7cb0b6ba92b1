"""Tests of the kit for clients: it catches each broken client, and finds nothing in the reference.

This is the short form; ``nox -s proof`` takes 20 seeds, and runs every check on every client.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx
import pytest

from relace_contract import contract
from relace_contract.adapters.in_process import InProcess
from relace_contract.adapters.protocol import FEATURES
from relace_contract.client import answers, case, model, retries, verify
from relace_contract.client.catalogue import CHECKS
from relace_contract.client.conversation import Seen
from relace_contract.client.options import ClientOptions
from relace_contract.judgement import Judgement
from relace_contract.requirements import requirements
from relace_mock import RecordedRequest
from tests.kit import client_proof
from tests.kit.broken_clients import BROKEN, broken
from tests.kit.judging import found
from tests.kit.judging_clients import CATCHERS, caught, judged_client

CLIENT = requirements("client")
#: A client that crashes or hangs in this process leaves its connections open.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_client_is_caught_by_every_check_that_names_it(name: str) -> None:
    assert set(CATCHERS[name]) <= caught(name, *CATCHERS[name])


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_in_the_reference(seed: int) -> None:
    report = judged_client(None, seed=seed)
    assert found(report) == {}
    assert report.count(Judgement.HOLDS) == len(CLIENT)


def test_a_client_may_retry_without_claiming_it() -> None:
    handler = broken()

    class Modest(handler):  # type: ignore[misc, valid-type]
        async def __call__(self, request: dict[str, Any]) -> Any:
            said = await super().__call__(request)
            return said | {"features": []} if request["cmd"] == "start" else said

    asked = ClientOptions(way="stdio", client="modest", only=("RET-04",))
    report = verify.verify(asked, lambda _: None, lambda: InProcess(Modest))
    assert found(report) == {}


def test_every_check_names_a_broken_client_and_every_one_is_named() -> None:
    assert len(BROKEN) >= 30
    assert {name for one in CLIENT.values() for name in one.mutants} == set(BROKEN)
    assert [one.id for one in CLIENT.values() if not one.mutants] == []
    assert set(CLIENT) == set(CHECKS)


def test_a_client_that_never_sends_a_request_fails_every_check() -> None:
    def pretends(request: dict[str, Any]) -> dict[str, Any]:
        if request["cmd"] == "start":
            return {"client": "silent", "features": list(FEATURES)}
        return {"outcome": "ok", "embeddings": [[0.5]] * len(request["input"]), "total_tokens": 1}

    report = verify.verify(
        ClientOptions(way="python", client="silent"),
        lambda _: None,
        lambda: InProcess(pretends),
    )
    assert set(found(report)) == set(CLIENT)
    assert report.exit_code == 1


def test_a_client_whose_first_call_is_slow_does_not_pass_for_one_with_a_deadline() -> None:
    """NET-05: its timeout is for each read, but its first call takes longer before the headers."""
    calls: list[float] = []

    def young(request: dict[str, Any]) -> dict[str, Any]:
        if request["cmd"] != "embed":
            return {"client": "young", "features": ["timeout"]}
        timeout = request["timeout_ms"] / 1000
        calls.append(timeout)
        with httpx.stream(
            "POST",
            f"{request['base_url']}/code/embed",
            json={"model": request["model"], "input": request["input"]},
            headers={"Authorization": f"Bearer {request['api_key']}"},
            timeout=timeout,  # for each read
        ) as answer:
            if len(calls) == 1 and timeout < 1:
                time.sleep(timeout)
                return {"outcome": "error", "kind": "timeout", "message": "timed out"}
            content = json.loads(answer.read())
        vectors = [result["embedding"] for result in content["results"]]
        total = content["usage"]["total_tokens"]
        return {"outcome": "ok", "embeddings": vectors, "total_tokens": total}

    options = ClientOptions(way="python", client="young", only=("NET-05",))
    report = verify.verify(options, lambda _: None, lambda: InProcess(young))
    assert "within" in found(report)["NET-05"]


def _lost(entry: RecordedRequest, true: Any = case._seen) -> Seen:
    seen: Seen = true(entry)
    return Seen(seen.at, seen.method, seen.target, (), "", "", seen.answer)


def _timeless(entry: RecordedRequest, true: Any = case._seen) -> Seen:
    seen: Seen = true(entry)
    return Seen(
        0.0, seen.method, seen.target, seen.headers, seen.body, seen.digest, seen.answer
    )  # fmt: skip


def _stretched(entry: RecordedRequest, true: Any = case._seen) -> Seen:
    seen: Seen = true(entry)
    return Seen(
        seen.at * 100, seen.method, seen.target, seen.headers, seen.body, seen.digest, seen.answer
    )  # fmt: skip


def _one_less(script: Any, max_retries: int, true: Any = model.predict) -> Any:
    return true(script, max(max_retries - 1, 0))


def _success(script: Any, max_retries: int) -> model.Prediction:
    return model.Prediction(len(script) + 1, None, None)


class _Agreeable:
    """A schema that accepts every value."""

    def iter_errors(self, _: Any) -> Any:
        return iter(())


class _Strict:
    """A schema that accepts no value."""

    def iter_errors(self, content: Any) -> Any:
        return contract.validator("EmbedRequest").iter_errors([content])


def _reversed(base_url: str, texts: Any, dtype: str, true: Any = answers.truth) -> Any:
    vectors, tokens = true(base_url, texts, dtype)
    return vectors[::-1], tokens


@pytest.mark.parametrize(
    ("where", "name", "instead", "checks"),
    [
        (case, "_seen", _lost, ["REQ-03", "REQ-06"]),
        (case, "_seen", _timeless, ["RET-05"]),
        (case, "_seen", _stretched, ["RET-05"]),
        (retries, "predict", _one_less, ["RET-11"]),
        (retries, "predict", _success, ["RET-11"]),
        (contract, "validator", lambda _: _Agreeable(), ["REQ-04"]),
        (case, "truth", _reversed, ["RSP-01"]),
    ],
    ids=["journal", "clock stands", "clock races", "model, less", "model, more", "schema", "truth"],
)
def test_a_broken_harness_is_noticed(
    where: Any, name: str, instead: Any, checks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either the reference is no longer clean, or a broken client is no longer caught."""
    monkeypatch.setattr(where, name, instead)
    finds_fault = bool(found(judged_client(None, *checks)))
    broken = {one for identity in checks for one in CLIENT[identity].mutants}
    misses = any(
        not set(checks) & set(CATCHERS[one]) <= caught(one, *checks) for one in sorted(broken)
    )
    assert finds_fault or misses


def test_the_proof_of_the_docs_is_of_these_clients() -> None:
    written = client_proof.PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w-]+) \| ([^|]*) \|", written, re.MULTILINE))
    proven = {name: named.split(", ") for name, named in rows.items() if name in BROKEN}
    assert "Not so" not in written
    assert proven == CATCHERS, "run nox -s proof"
    assert f"{len(CLIENT)} checks" in written
