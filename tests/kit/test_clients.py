"""Real clients: each fails exactly the checks in its list of known failures."""

from __future__ import annotations

import os

import pytest

from relace_contract.judgement import Judgement
from tests.kit.clients import CLIENTS, EXAMPLES, RealClient


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_real_client_fails_what_it_is_known_to_fail_and_nothing_else(client: RealClient) -> None:
    if client.missing:
        if os.environ.get("CI"):
            pytest.fail(f"needs {client.missing}")
        pytest.skip(f"needs {client.missing}")
    report = client.verified(examples=5)
    unexpected = [
        (result.requirement.id, result.judgement.value, [one.problem for one in result.breaches])
        for result in report.results
        if result.judgement not in {Judgement.HOLDS, Judgement.KNOWN, Judgement.NOT_CLAIMED}
    ]
    assert unexpected == []
    if client.known is None:
        assert report.count(Judgement.HOLDS) == len(report.results)


def test_every_known_failure_has_its_reason() -> None:
    for file in EXAMPLES.glob("*.known-failures.txt"):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, reason = line.partition("#")
            assert reason.strip(), f"{file.name}: {name}"
