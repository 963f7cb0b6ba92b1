"""A report as JSON, for whatever is built on it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from relace_contract.finding import Outcome, Report, Result
from relace_contract.reports.characters import encodable


def render(report: Report) -> str:
    """One object: the run, counts by outcome, and a list of checks."""
    return json.dumps(
        _encodable(
            {
                "format": 1,
                "complete": not report.incomplete,
                "incomplete": report.incomplete or None,
                "subject": report.subject,
                "seed": report.seed,
                "seconds": round(report.seconds, 3),
                "facts": list(report.facts),
                "exit_code": report.exit_code,
                "counts": {outcome.value: report.count(outcome) for outcome in Outcome},
                "checks": [_check(result) for result in report.results],
            }
        ),
        indent=2,
    )


def _encodable(value: Any) -> Any:
    """The value, with every text in it escaped where UTF-8 cannot hold it."""
    match value:
        case str():
            return encodable(value)
        case dict():
            return {name: _encodable(content) for name, content in value.items()}
        case list() | tuple():
            return [_encodable(one) for one in value]
    return value


def _check(result: Result) -> dict[str, Any]:
    asked = result.requirement
    return {
        "id": asked.id,
        "family": asked.family,
        "contract": asked.sentence,
        "label": asked.label,
        "level": asked.level,
        "outcome": result.outcome.value,
        "note": result.note,
        "seconds": round(result.seconds, 3),
        "findings": [asdict(finding) for finding in result.findings],
    }
