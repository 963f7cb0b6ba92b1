"""A report on a terminal: progress while it runs, findings, and a summary at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import groupby

import click

from relace_contract.finding import Finding, Outcome, Report, Result
from relace_contract.reports.characters import on_one_line, printable
from relace_contract.reports.terminal import write

#: Ids that a line of the summary lists; more are counted.
_LISTED = 8
_COLOURS = {
    Outcome.HOLDS: "green",
    Outcome.FAILS: "red",
    Outcome.STALE: "red",
    Outcome.WARNS: "yellow",
    Outcome.INFORMS: "cyan",
    Outcome.KNOWN: "yellow",
    Outcome.NOT_CLAIMED: "bright_black",
    Outcome.NOT_RUN: "red",
}


class Progress:
    """Says on standard error how far a run is: one moving line, or a line for each family."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._moving = sys.stderr is not None and sys.stderr.isatty()
        self._done = 0
        self._family: list[Result] = []

    def __call__(self, result: Result) -> None:
        """Take note of a check that ended."""
        self._done += 1
        if self._moving:
            line = f"[{self._done}/{self._total}] {result.requirement.id}"
            write(f"\r{line:<40}", err=True, nl=False)
            return
        if self._family and self._family[0].requirement.family != result.requirement.family:
            self._say()
        self._family.append(result)

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._moving:
            write(f"\r{'':<40}\r", err=True, nl=False)
        elif self._family:
            self._say()

    def _say(self) -> None:
        family = self._family[0].requirement.family
        write(f"[{self._done}/{self._total}] {family}: {_tally(self._family)}", err=True)
        self._family = []


def _tally(results: list[Result]) -> str:
    counted = {outcome: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    return ", ".join(_amount(outcome, count) for outcome, count in counted.items() if count)


def _amount(outcome: Outcome, count: int) -> str:
    words = {
        Outcome.HOLDS: ("holds", "hold"),
        Outcome.FAILS: ("fails", "fail"),
        Outcome.WARNS: ("warning", "warnings"),
        Outcome.KNOWN: ("known failure", "known failures"),
        Outcome.STALE: ("stale known failure", "stale known failures"),
    }
    one, several = words.get(outcome, (outcome.value, outcome.value))
    return f"{count} {one if count == 1 else several}"


def show(report: Report) -> None:
    """Print the findings, the worst last and so nearest to the summary, and the summary."""
    order = list(Outcome)
    found = [result for result in report.results if _is_found(result)]
    found.sort(key=lambda one: order.index(one.outcome), reverse=True)
    stumbled = [one for one in found if one.findings and one.findings[0].stumbled]
    _show_stumbled(stumbled)
    for result in found:
        if result in stumbled:
            continue
        asked = result.requirement
        title = f"{result.outcome.value.upper()}  {asked.id}  ({asked.level}, {asked.label})"
        write(click.style(title, fg=_COLOURS[result.outcome], bold=True))
        write("\n".join(finding_lines(result)) + "\n")
    for line in summary(report, _coloured):
        write(line)


def _show_stumbled(results: list[Result]) -> None:
    """Checks that could not see what they are about: briefly, as other findings say why."""
    by_problem: dict[str, list[str]] = {}
    for result in results:
        by_problem.setdefault(result.findings[0].problem, []).append(result.requirement.id)
    for problem, ids in by_problem.items():
        write(click.style(", ".join(ids), fg="red", bold=True))
        write(f"  {printable(problem)}\n")


def _is_found(result: Result) -> bool:
    """Whether there is more to say of a check than its outcome."""
    return bool(result.findings) or result.outcome is Outcome.STALE


def finding_lines(result: Result) -> Iterator[str]:
    """What a finding says, line by line."""
    yield f"  contract:  {result.requirement.sentence}"
    if result.outcome is Outcome.STALE:
        yield "  found:     it holds now: take it off the list of known failures"
    for finding in result.findings:
        yield f"  found:     {on_one_line(finding.problem)}"
        for evidence in finding.evidence:
            yield from _block("sent", evidence.sent)
            yield from _block("came back", evidence.received)
        yield f"  again:     {printable(finding.command)}"
        if by_hand := _by_hand(finding):
            yield f"  by hand:   {printable(by_hand)}"


def _by_hand(finding: Finding) -> str:
    """The command for the last thing that was done: the one that showed what is wrong."""
    return finding.evidence[-1].by_hand if finding.evidence else ""


def _block(title: str, text: str) -> Iterator[str]:
    first, *rest = printable(text).split("\n")
    yield f"  {title + ':':<10} {first}"
    yield from (f"             {line}" if line else "" for line in rest)


def _coloured(text: str, outcome: Outcome) -> str:
    return click.style(text, fg=_COLOURS[outcome])


def summary(
    report: Report, paint: Callable[[str, Outcome], str] = lambda text, _: text
) -> Iterator[str]:
    """The families at a glance, what is not claimed and why, and the counts."""
    for family, group in groupby(report.results, key=lambda one: one.requirement.family):
        results = list(group)
        marks = "".join(paint(_mark(result.outcome), result.outcome) for result in results)
        named = [
            result.requirement.id for result in results if result.findings or result.outcome.red
        ]
        which = ", ".join(named) if len(named) <= _LISTED else f"{len(named)} checks"
        yield f"{family:<7} {marks}  {which}".rstrip()
    notes: dict[tuple[Outcome, str], list[str]] = {}
    for result in report.results:
        if result.note and result.outcome in {Outcome.NOT_CLAIMED, Outcome.INFORMS}:
            notes.setdefault((result.outcome, result.note), []).append(result.requirement.id)
    for (outcome, note), ids in notes.items():
        which = ", ".join(ids) if len(ids) <= _LISTED else f"{len(ids)} checks"
        yield f"{outcome.value}: {which}: {on_one_line(note)}"
    yield from map(on_one_line, report.facts)
    if report.incomplete:
        yield paint(f"INCOMPLETE: {on_one_line(report.incomplete)}", Outcome.NOT_RUN)
    counted = ", ".join(
        paint(_amount(outcome, report.count(outcome)), outcome)
        for outcome in Outcome
        if report.count(outcome)
    )
    yield f"{on_one_line(report.subject)}: {counted}; seed {report.seed}, {report.seconds:.1f} s"


def _mark(outcome: Outcome) -> str:
    marks = {
        Outcome.HOLDS: "·",
        Outcome.NOT_CLAIMED: "-",
        Outcome.INFORMS: "i",
        Outcome.WARNS: "!",
        Outcome.KNOWN: "K",
        Outcome.NOT_RUN: "?",
    }
    return marks.get(outcome, "✗")
