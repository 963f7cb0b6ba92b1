"""Group breaches by cause, because one fault of a subject may break forty requirements."""

from __future__ import annotations

from dataclasses import dataclass

from relace_contract.judgement import Breach, Judgement, Report, Result

_ORDER = list(Judgement)


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause, and the results that it leads to, each with its breach, the worst first.

    The breach is None for a stale known failure.
    """

    text: str
    cases: tuple[tuple[Result, Breach | None], ...]

    @property
    def example(self) -> tuple[Result, Breach | None]:
        """The case that reports show as an example of all."""
        return self.cases[0]

    @property
    def judgement(self) -> Judgement:
        """The worst outcome among the cases."""
        return self.cases[0][0].judgement

    @property
    def ids(self) -> list[str]:
        """The ids of the requirements in the cases."""
        return list(dict.fromkeys(result.requirement.id for result, _ in self.cases))

    @property
    def remedies(self) -> list[str]:
        """The known remedies, without duplicates."""
        said = (one.remedy for _, one in self.cases if one is not None)
        return list(dict.fromkeys(filter(None, said)))


def causes(report: Report) -> list[Cause]:
    """All causes, the worst first."""
    found: dict[str, list[tuple[Result, Breach | None]]] = {}
    for result in report.results:
        if result.judgement is Judgement.STALE:
            found.setdefault("a known failure holds now", []).append((result, None))
        for breach in result.breaches:
            found.setdefault(breach.cause or breach.problem, []).append((result, breach))
    for cases in found.values():
        cases.sort(key=_badness)
    listed = [Cause(text, tuple(cases)) for text, cases in found.items()]
    return sorted(listed, key=lambda cause: _ORDER.index(cause.judgement))


def _badness(case: tuple[Result, Breach | None]) -> tuple[int, int]:
    """Sort key: the worst outcome first; then breaches that the requirement's own check found."""
    result, breach = case
    return _ORDER.index(result.judgement), breach.command.count(" --only ") if breach else 0
