"""Write the checks that fail in a run, in the form that ``--known-failures`` reads."""

from __future__ import annotations

from pathlib import Path

from relace_contract.foreign_text import brief, visible
from relace_contract.judgement import Judgement, Report
from relace_contract.known_failures import KnownFailures

_FAILING = {Judgement.FAILS, Judgement.UNSEEN, Judgement.KNOWN}
_REASON = 100  # characters of a reason


def write(path: Path, report: Report, known: KnownFailures) -> int:
    """Write the failing checks of a report, with reasons, and return their number.

    Reasons in ``known`` are kept, and so are those of its ids that the run did not try.
    """
    tried = {result.requirement.id for result in report.results}
    reasons = {one: known.reasons.get(one, "") for one in sorted(known.ids - tried)}
    for result in report.results:
        if result.judgement in _FAILING:
            identity, family = result.requirement.id, result.requirement.family
            told = known.reasons.get(identity) or known.reasons.get(family)
            reasons[identity] = told or brief(result.breaches[0].problem, _REASON)
    lines = [f"{one:<20} # {reason}".rstrip(" #") for one, reason in reasons.items()]
    head = "# Checks that are known to fail: `--known-failures` reads this file."
    path.write_text(visible("\n".join([head, *lines, ""])), encoding="utf-8")
    return len(reasons)
