"""A report as JSON, for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from relace_contract.foreign_text import encodable
from relace_contract.judgement import Judgement, Report, Result
from relace_contract.reports.badge import reached
from relace_contract.reports.causes import causes


def render(report: Report) -> str:
    """Return a JSON object: the run, the counts of each outcome, the causes and all checks."""
    return json.dumps(
        encodable(
            {
                "format": 1,
                "complete": not report.incomplete,
                "incomplete": report.incomplete or None,
                "subject": report.subject,
                "seed": report.seed,
                "seconds": round(report.seconds, 3),
                "facts": list(report.facts),
                "reached": reached(report) or None,
                "exit_code": report.exit_code,
                "counts": {judgement.value: report.count(judgement) for judgement in Judgement},
                "causes": [
                    {
                        "cause": cause.text,
                        "outcome": cause.judgement.value,
                        "checks": cause.ids,
                        "remedies": cause.remedies,
                    }
                    for cause in causes(report)
                ],
                "advice": list(report.advice),
                "checks": [_check(result) for result in report.results],
            }
        ),
        indent=2,
    )


def _check(result: Result) -> dict[str, Any]:
    asked = result.requirement
    return {
        "id": asked.id,
        "family": asked.family,
        "contract": asked.sentence,
        "label": asked.label,
        "level": asked.level,
        "outcome": result.judgement.value,
        "note": result.note,
        "seconds": round(result.seconds, 3),
        "findings": [asdict(breach) for breach in result.breaches],
    }
