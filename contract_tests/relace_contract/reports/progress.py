"""The progress of a run, on standard error: one moving line, or a line for each family."""

from __future__ import annotations

import sys

from relace_contract.judgement import Judgement, Result
from relace_contract.reports.terminal import move, write

_WORDS = {
    Judgement.HOLDS: ("holds", "hold"),
    Judgement.FAILS: ("fails", "fail"),
    Judgement.WARNS: ("warning", "warnings"),
    Judgement.KNOWN: ("known failure", "known failures"),
    Judgement.STALE: ("stale known failure", "stale known failures"),
}


class Progress:
    """Shows the progress; called with each result. The line moves only on a terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._moving = sys.stderr is not None and sys.stderr.isatty()
        self._done = 0
        self._family: list[Result] = []

    def __call__(self, result: Result) -> None:
        """Count a check that has ended, and show the progress."""
        self._done += 1
        if self._moving:
            move(f"[{self._done}/{self._total}] {result.requirement.id}")
            return
        if self._family and self._family[0].requirement.family != result.requirement.family:
            self._say()
        self._family.append(result)

    def end(self) -> None:
        """Clear the moving line, or print the line of the last family."""
        if self._moving:
            move("")
        elif self._family:
            self._say()

    def _say(self) -> None:
        family = self._family[0].requirement.family
        counted = {
            judgement: sum(result.judgement is judgement for result in self._family)
            for judgement in Judgement
        }
        tally = ", ".join(amount(one, count) for one, count in counted.items() if count)
        write(f"[{self._done}/{self._total}] {family}: {tally}", err=True)
        self._family = []


def amount(judgement: Judgement, count: int) -> str:
    """A count in words: ``3 hold``, ``1 known failure``."""
    one, several = _WORDS.get(judgement, (judgement.value, judgement.value))
    return f"{count} {one if count == 1 else several}"
