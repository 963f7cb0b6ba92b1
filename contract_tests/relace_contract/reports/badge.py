"""The conformance level that a subject has reached, as a word and as an SVG badge."""

from __future__ import annotations

from pathlib import Path

from relace_contract.judgement import UNCLAIMED, Judgement, Report, Result
from relace_contract.requirements import Requirement, requirements

#: Each level with its meaning, the highest first.
LEVELS = {
    "production": "every MUST and every SHOULD holds",
    "robust": "every MUST holds",
    "documented": "every documented MUST holds",
}
NOTHING = "none"
_COLOURS = {"production": "#1a7f4b", "robust": "#1f6aa5", "documented": "#a86400"}
_LABEL = "relace contract"
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{label}: {level}">
<title>{label}: {meaning}</title>
<rect width="{left}" height="20" fill="#3b4350"/>
<rect x="{left}" width="{right}" height="20" fill="{colour}"/>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{label_at}" y="14">{label}</text>
<text x="{level_at}" y="14">{level}</text>
</g>
</svg>
"""


def reached(report: Report) -> str:
    """The highest level that a subject has reached, or ``none``. Empty after a partial run."""
    asked = requirements(report.results[0].requirement.subject) if report.results else {}
    if report.incomplete or len(report.results) < len(asked) or not asked:
        return ""
    broken = [result.requirement for result in report.results if not _kept(result)]
    for level in LEVELS:
        if not any(_counts(one, level) for one in broken):
            return level
    return NOTHING


def _kept(result: Result) -> bool:
    """Whether a requirement does not lower the level: it holds, or does not apply."""
    if result.judgement is Judgement.NOT_CLAIMED:
        return not result.note.startswith(UNCLAIMED)
    return result.judgement in {Judgement.HOLDS, Judgement.STALE}


def _counts(requirement: Requirement, level: str) -> bool:
    """Whether a level needs a requirement."""
    match level:
        case "documented":
            return requirement.level == "MUST" and requirement.label == "documented"
        case "robust":
            return requirement.level == "MUST"
    return requirement.level in {"MUST", "SHOULD"}


def write(path: Path, report: Report) -> None:
    """Write the badge of a whole run."""
    level = reached(report)
    left, right = 7 * len(_LABEL) + 10, 7 * len(level) + 12
    path.write_text(
        _SVG.format(
            label=_LABEL,
            level=level,
            meaning=LEVELS.get(level, "a documented MUST does not hold"),
            colour=_COLOURS.get(level, "#c2272d"),
            left=left,
            right=right,
            whole=left + right,
            label_at=left / 2,
            level_at=left + right / 2,
        ),
        encoding="utf-8",
    )
