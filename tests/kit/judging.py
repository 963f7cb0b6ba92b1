"""Run the kit against a server of the tests."""

from __future__ import annotations

from typing import Any

from relace_contract.judgement import Judgement, Report, Result
from relace_contract.server.options import ServerOptions
from relace_contract.server.verify import verify
from tests.kit.reference import KEY
from tests.kit.running import running

UNKNOWN_KEY = "rlc-ffffffffffffffffffffffffffffffff"


def judged(app: Any, *only: str, **wanted: Any) -> Report:
    """The report on an application, given a key that it knows and one that it does not."""
    with running(app) as url:
        asked = {"api_key": KEY, "bad_key": UNKNOWN_KEY, **wanted}
        return verify(ServerOptions(url=url, only=only, **asked), lambda _: None)


def found(report: Report) -> dict[str, str]:
    """The problems in a report, by check."""
    return {
        result.requirement.id: problem(result)
        for result in report.results
        if result.judgement not in {Judgement.HOLDS, Judgement.NOT_CLAIMED}
        and not (result.judgement is Judgement.INFORMS and result.note)
    }


def problem(result: Result) -> str:
    """The first problem that a check found."""
    return result.breaches[0].problem if result.breaches else result.judgement.value


def held(report: Report) -> set[str]:
    """The checks that ran and hold."""
    holds = (result for result in report.results if result.judgement is Judgement.HOLDS)
    return {result.requirement.id for result in holds}
