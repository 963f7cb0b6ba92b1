"""Tests of the kit for servers: it catches each mutant, and finds nothing in correct servers.

This is the short form; ``nox -s proof`` takes 20 seeds, and runs every check on every mutant.
"""

from __future__ import annotations

import json

import pytest

import relace_mock
from relace_contract.requirements import requirements
from relace_contract.server.options import ServerOptions
from relace_contract.server.verify import verify
from tests.kit.judging import found, held, judged
from tests.kit.mutants import MUTANTS, change
from tests.kit.reference import Reference

CATCHERS = {
    mutant: [one.id for one in requirements("server").values() if mutant in one.mutants]
    for mutant in MUTANTS
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught_by_every_check_that_names_it(mutant: str) -> None:
    caught = found(judged(MUTANTS[mutant](), *CATCHERS[mutant]))
    # A check that could not be exercised has not caught the mutant.
    seen = {one for one, problem in caught.items() if "could not be exercised" not in problem}
    assert set(CATCHERS[mutant]) <= seen, caught


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_in_the_reference(seed: int) -> None:
    assert found(judged(Reference(), seed=seed)) == {}


def test_nothing_is_found_in_the_reference_with_a_quota() -> None:
    report = judged(change(quota=40, per=0.5)(), examples=5)
    assert found(report) == {}
    assert {"RL-headers", "RL-window"} <= held(report)


def test_nothing_is_found_in_the_mock_with_a_quota() -> None:
    with relace_mock.running(rate_limit="100/1s") as server:
        report = verify(ServerOptions(url=server.base_url, examples=5), lambda _: None)
    assert found(report) == {}
    assert {"RL-headers", "RL-window"} <= held(report)


@pytest.mark.parametrize(
    "settings",
    [
        {"http": "httptools"},
        {"http": "h11", "seed": 7},
        {"dimensions": 256},
        {"embedding": "hash", "api_keys": ("rlc-known",)},
        {"unknown_key_status": 401, "api_keys": ("rlc-known",)},
    ],
    ids=str,
)
def test_nothing_is_found_in_the_mock(settings: dict[str, object]) -> None:
    with relace_mock.running(**settings) as server:  # type: ignore[arg-type]
        known = "rlc-known" if "api_keys" in settings else None
        options = ServerOptions(url=server.base_url, api_key=known, examples=5)
        report = verify(options, lambda _: None)
    assert found(report) == {}


@pytest.mark.parametrize(
    ("mutant", "check", "smallest"),
    [
        ("text-lowercased", "UNI-distinct", "get the same vector"),
        ("batch-matters", "SPLIT-vectors", "split after 1, "),
        ("position-matters", "PERM-vectors", "in the order [1, 0] "),
    ],
)
def test_findings_are_shrunk_and_repeat_under_the_same_seed(
    mutant: str, check: str, smallest: str
) -> None:
    app = MUTANTS[mutant]
    first, again = (
        judged(app(), *only, seed=3) for only in ([check], ["NEG-nan", check.partition("-")[0]])
    )
    (finding,) = next(one.breaches for one in first.results if one.breaches)
    (repeated,) = next(one.breaches for one in again.results if one.requirement.id == check)
    assert smallest in finding.problem
    assert finding.problem == repeated.problem
    sent = finding.evidence[0].sent.partition("\n\n")[2]
    assert len(json.loads(sent)["input"]) == 2
    assert sum(map(len, json.loads(sent)["input"])) <= 8
