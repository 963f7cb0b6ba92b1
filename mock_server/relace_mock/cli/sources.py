"""Reads the files of ``embed`` and ``search``, and reports what was left out and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from relace_mock.cli.progress import Progress
from relace_mock.cli.streams import complain
from relace_mock.offline import sources
from relace_mock.offline.files import Found, Problem, found
from relace_mock.offline.pieces import Piece

_NAMES = 10  # names of left out files that are printed


class Report:
    """Collects what gave no text, to say it when the work is done."""

    def __init__(self) -> None:
        self.failed: list[Problem] = []
        self._left_out: list[Problem] = []
        self._without: Counter[str] = Counter()

    def add(self, problem: Problem) -> None:
        """Note a path that gives no text."""
        (self.failed if problem.failed else self._left_out).append(problem)

    def lacks(self, language: str) -> None:
        """Note a file whose grammar is not installed."""
        self._without[language] += 1

    def print(self) -> None:
        """Print to standard error what was left out, and each failure on a line."""
        if self._without:
            number = self._without.total()
            complain(
                f"{counted(number, 'file')} in {', '.join(sorted(self._without))}: split into runs "
                "of lines, as no parser is installed: pip install 'relace-mock[code]'"
            )
        reasons = Counter(problem.why for problem in self._left_out)
        for why, number in reasons.items():
            names = [sources.shown(each.path) for each in self._left_out if each.why == why]
            more = f" and {number - _NAMES} more" if number > _NAMES else ""
            complain(
                f"left out {counted(number, 'file')}: {why}: {', '.join(names[:_NAMES])}{more}"
            )
        for problem in self.failed:
            complain(f"cannot read {sources.shown(problem.path)}: {problem.why}")


def pieces_of(
    paths: Iterable[Path],
    report: Report,
    progress: Progress,
    is_whole: Callable[[Found], bool] = lambda _: False,
    besides: Path | None = None,
) -> list[Piece]:
    """Read the files that the paths stand for, without ``besides``, and split them into pieces."""
    pieces: list[Piece] = []
    for number, each in enumerate(found(paths, besides), 1):
        progress.say(f"reading file {number}")
        source = each if isinstance(each, Problem) else sources.read(each, whole=is_whole(each))
        if isinstance(source, Problem):
            report.add(source)
            continue
        if source.problem:
            report.add(source.problem)
        if source.without:
            report.lacks(source.without)
        pieces += source.pieces
    return pieces


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 file``, ``2,000 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
