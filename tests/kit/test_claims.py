"""The claims of a subject decide which checks apply; a check that sees nothing is red."""

from __future__ import annotations

import pytest

from relace_contract.judgement import Judgement, Report
from relace_contract.policy import Policy
from tests.kit.judging import found, held, judged
from tests.kit.mutants import MUTANTS, change
from tests.kit.reference import Reference


def ends(report: Report) -> dict[str, Judgement]:
    return {result.requirement.id: result.judgement for result in report.results}


def test_a_quota_that_is_claimed_and_never_met_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relace_contract.server.limits._TOO_MANY", 120)
    unclaimed = judged(Reference(), "RL")
    claimed = judged(Reference(), "RL", policy=Policy(quota=True))
    assert set(ends(unclaimed).values()) == {Judgement.NOT_CLAIMED}
    assert set(ends(claimed).values()) == {Judgement.UNSEEN}
    assert "could not be exercised: no 429 in 120 requests" in found(claimed)["RL-window"]


def test_a_count_that_is_no_number_is_a_finding() -> None:
    for remaining, problem in (
        ("many", "'many', not a number"),
        ("5", "neither a time nor a number"),
    ):
        limits = {"x-ratelimit-limit": "5", "x-ratelimit-remaining": remaining}
        words = change(quota=5, limits=lambda *_, limits=limits: limits)
        assert problem in found(judged(words(), "RL-window"))["RL-window"]


def test_a_smaller_limit_is_what_the_policy_says() -> None:
    small = change(max_body=1000)
    assert held(judged(small(), "NEG-too-large", policy=Policy(max_body=1000))) == {"NEG-too-large"}
    larger = judged(change(max_body=2000)(), "NEG-too-large", policy=Policy(max_body=1000))
    assert "a body of 1,001 bytes: 413 expected, not 200" in found(larger)["NEG-too-large"]


def test_a_made_up_key_that_is_accepted_is_no_finding_but_a_named_one_is() -> None:
    app = MUTANTS["unknown-key-accepted"]
    made_up = judged(app(), "AUTH-unknown-key", bad_key=None)
    assert ends(made_up) == {"AUTH-unknown-key": Judgement.NOT_CLAIMED}
    assert ends(judged(app(), "AUTH-unknown-key")) == {"AUTH-unknown-key": Judgement.FAILS}


def test_a_server_whose_wait_is_too_long_is_told_what_to_do() -> None:
    report = judged(change(quota=3, per=60.0)(), "DUP", "BIJ")
    assert report.exit_code == 1
    assert "give it a larger quota, or use --live" in found(report)["BIJ-indexes"]


def test_a_missing_405_is_a_warning_for_the_checks_of_its_header_and_body() -> None:
    """Without a 405 there is no Allow to look at, and METH-405 is a SHOULD."""
    report = judged(MUTANTS["method-is-404"](), "METH-405", "METH-allow", "METH-envelope")
    assert ends(report)["METH-allow"] is Judgement.WARNS
    assert Judgement.FAILS not in (ends(report)[one] for one in ("METH-405", "METH-envelope"))
