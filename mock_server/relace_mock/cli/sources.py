"""Reads the files of ``embed`` and ``search``, and reports what was left out and what failed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from relace_mock.cli.progress import Progress
from relace_mock.cli.streams import complain
from relace_mock.counts import counted
from relace_mock.offline import sources
from relace_mock.offline.files import Found, Problem, found
from relace_mock.offline.pieces import Piece
from relace_mock.offline.sources import Source

_MANY = 200  # files; to start processes for fewer takes longer than it saves
_NAMES = 10  # names of left out files that are printed


class Report:
    """Collects the paths that gave no text, to report them when the work is done."""

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
                "of lines, because no parser is installed: pip install 'relace-mock[code]'"
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


def leave_numpy_one_thread() -> None:
    """Let NumPy use one thread, if it is not yet imported and the user does not say otherwise.

    Its products are small here. On a busy machine, threads that wait for each other in a loop take
    four times the processor time.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pieces_of(
    paths: Iterable[Path],
    report: Report,
    progress: Progress,
    is_whole: Callable[[Found], bool] = lambda _: False,
    besides: Path | None = None,
) -> list[Piece]:
    """Read the files that the paths stand for, without ``besides``, and split them into pieces."""
    files: list[tuple[Found, bool]] = []
    for each in found(paths, besides):
        progress.say(f"found {counted(len(files), 'file')}")
        if isinstance(each, Problem):
            report.add(each)
        else:
            files.append((each, is_whole(each)))
    pieces: list[Piece] = []
    for number, source in enumerate(_read(files)):
        progress.say(f"read {number:,} of {counted(len(files), 'file')}")
        if source.problem:
            report.add(source.problem)
        if source.without:
            report.lacks(source.without)
        pieces += source.pieces
    return pieces


def _read(files: Sequence[tuple[Found, bool]]) -> Iterator[Source]:
    """Read and split files, many of them on all processors: parsing takes most of the time."""
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if len(files) < _MANY or processors == 1:
        yield from map(_split, files)
        return
    # Spawned, not forked: a fork of a process with threads, such as NumPy's, may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(processors, 8), context, _live_and_die_with_parent)
    try:
        yield from pool.map(_split, files, chunksize=8)
    finally:
        pool.shutdown(cancel_futures=True)


def _split(file: tuple[Found, bool]) -> Source:
    return sources.read(file[0], whole=file[1])


def _live_and_die_with_parent() -> None:
    """Ignore Ctrl-C, which the parent process reports, and end when the parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
