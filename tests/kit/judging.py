"""Runs the kit against a server of the tests."""

from __future__ import annotations

from typing import Any

from relace_contract.finding import Outcome, Report, Result
from relace_contract.server.verify import Wanted, verify
from tests.kit.reference import KEY
from tests.kit.running import running

UNKNOWN_KEY = "rlc-ffffffffffffffffffffffffffffffff"


def judged(app: Any, *only: str, **wanted: Any) -> Report:
    """The report on an application, given a key that it knows and one that it does not."""
    with running(app) as url:
        asked = {"api_key": KEY, "bad_key": UNKNOWN_KEY, **wanted}
        return verify(Wanted(url=url, only=only, **asked), lambda _: None)


def found(report: Report) -> dict[str, str]:
    """What is wrong, by check."""
    return {
        result.requirement.id: problem(result)
        for result in report.results
        if result.outcome not in {Outcome.HOLDS, Outcome.NOT_CLAIMED}
        and not (result.outcome is Outcome.INFORMS and result.note)
    }


def problem(result: Result) -> str:
    """The first thing that is wrong."""
    return result.findings[0].problem if result.findings else result.outcome.value


def held(report: Report) -> set[str]:
    """The checks that were run and hold."""
    holds = (result for result in report.results if result.outcome is Outcome.HOLDS)
    return {result.requirement.id for result in holds}
