"""A report on a terminal: the findings, one block for each cause, and a summary at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from relace_contract.counts import counted
from relace_contract.foreign_text import on_one_line, visible
from relace_contract.judgement import Breach, Judgement, Report, Result
from relace_contract.reports.badge import LEVELS, reached
from relace_contract.reports.causes import Cause, causes
from relace_contract.reports.progress import amount
from relace_contract.reports.terminal import Part, write
from relace_contract.requirements import titles

#: The most ids that a line of the summary lists; if there are more, it has their number.
_LISTED = 8
_COLOURS = {
    Judgement.HOLDS: "green",
    Judgement.FAILS: "red",
    Judgement.UNSEEN: "red",
    Judgement.STALE: "red",
    Judgement.WARNS: "yellow",
    Judgement.INFORMS: "cyan",
    Judgement.KNOWN: "yellow",
    Judgement.NOT_CLAIMED: "bright_black",
    Judgement.NOT_RUN: "red",
}
_MARKS = {
    Judgement.HOLDS: "·",
    Judgement.NOT_CLAIMED: "-",
    Judgement.INFORMS: "i",
    Judgement.WARNS: "!",
    Judgement.KNOWN: "K",
    Judgement.UNSEEN: "?",
    Judgement.NOT_RUN: "?",
}
_STALE = "it holds now: remove it from the list of known failures"


def show(report: Report, *, verbose: bool = False, ending: Iterable[str] = ()) -> None:
    """Print the findings, the worst last, and the summary below them.

    ``ending`` has lines to print before the counts.
    """
    found = causes(report)
    brief = any(not cause.judgement.red for cause in found) or any(
        cause.judgement is Judgement.FAILS for cause in found
    )
    for cause in reversed(found):
        if verbose:
            for result, breach in cause.cases:
                _show(Cause(cause.text, ((result, breach),)))
        elif cause.judgement is Judgement.UNSEEN and brief:
            _show_unseen(cause)
        else:
            _show(cause)
    *lines, counts = summary(report)
    for line in [*lines, *((one,) for one in ending), counts]:
        write(*line)


def _show(cause: Cause) -> None:
    result, breach = cause.example
    asked = result.requirement
    word, colour = result.judgement.value.upper(), _COLOURS[result.judgement]
    if len(cause.ids) == 1:
        title = f"{word}  {asked.id}  ({asked.level}, {asked.label})"
        write((title, colour), bold=True)
    else:
        write((f"{word}  {counted(len(cause.ids), 'check')}: {cause.text}", colour), bold=True)
        for judgement, cases in groupby(cause.cases, key=lambda case: case[0].judgement):
            ids = ", ".join(dict.fromkeys(one.requirement.id for one, _ in cases))
            write(f"  {judgement.value + ':':<10} {ids}")
        for remedy in cause.remedies:
            write(f"  remedy:    {remedy}")
        write(f"  example:   {asked.id}  ({asked.level}, {asked.label})")
    for line in _lines(result, () if breach is None else (breach,), alone=len(cause.ids) == 1):
        write(line)
    write("")


def _show_unseen(cause: Cause) -> None:
    """Print checks that could not be exercised; briefly, because other findings say why."""
    _, breach = cause.example
    assert breach is not None
    word, colour = cause.judgement.value.upper(), _COLOURS[cause.judgement]
    write((f"{word}  {', '.join(cause.ids)}", colour), bold=True)
    write(f"  why:       {cause.text}")
    if breach.remedy:
        write(f"  remedy:    {breach.remedy}")
    write(f"  again:     {breach.command}")
    write("")


def breach_lines(result: Result) -> Iterator[str]:
    """The lines about all breaches of one requirement, safe to show."""
    return _lines(result, result.breaches)


def _lines(result: Result, breaches: tuple[Breach, ...], *, alone: bool = True) -> Iterator[str]:
    yield f"  contract:  {result.requirement.sentence}"
    if result.judgement is Judgement.STALE:
        yield f"  found:     {_STALE}"
    for breach in breaches:
        yield f"  found:     {on_one_line(breach.problem)}"
        for evidence in breach.evidence:
            yield from _block("sent", evidence.sent)
            yield from _block("came back", evidence.received)
        if breach.remedy and alone:
            yield f"  remedy:    {on_one_line(breach.remedy)}"
        yield f"  again:     {on_one_line(breach.command)}"
        if breach.by_hand:
            yield f"  by hand:   {on_one_line(breach.by_hand)}"


def _block(title: str, text: str) -> Iterator[str]:
    first, *rest = visible(text).split("\n")
    yield f"  {title + ':':<10} {first}"
    yield from (f"             {line}" if line else "" for line in rest)


def summary(report: Report) -> Iterator[tuple[Part, ...]]:
    """The lines of the summary, as parts: the families, the notes, and the counts at the end."""
    yield from _families(report)
    notes: dict[tuple[Judgement, str], list[str]] = {}
    for result in report.results:
        if result.note and result.judgement in {Judgement.NOT_CLAIMED, Judgement.INFORMS}:
            notes.setdefault((result.judgement, result.note), []).append(result.requirement.id)
    for (judgement, note), ids in notes.items():
        yield (f"{judgement.value}: {_named(ids)}: {note}",)
    yield from ((fact,) for fact in report.facts)
    if report.incomplete:
        yield ((f"INCOMPLETE: {report.incomplete}", "red"),)
    yield from ((f"next: {advice}",) for advice in report.advice)
    if level := reached(report):
        yield (f"reached: {level}, {LEVELS.get(level, 'as a documented MUST does not hold')}",)
    counted = [
        (amount(judgement, report.count(judgement)), _COLOURS[judgement])
        for judgement in Judgement
        if report.count(judgement)
    ]
    parts: list[Part] = [f"{report.subject}: "]
    for place, count in enumerate(counted):
        parts += [", ", count] if place else [count]
    yield (*parts, f"; seed {report.seed}, {report.seconds:.1f} s")


def _families(report: Report) -> Iterator[tuple[Part, ...]]:
    for family, group in groupby(report.results, key=lambda one: one.requirement.family):
        results = list(group)
        marks = [(_MARKS.get(one.judgement, "✗"), _COLOURS[one.judgement]) for one in results]
        ids = [one.requirement.id for one in results if one.breaches or one.judgement.red]
        which = f": {_named(ids)}" if ids else ""
        title = titles(results[0].requirement.subject)[family]
        yield (f"{family:<7} ", *marks, f"  {title}{which}")


def _named(ids: list[str]) -> str:
    return ", ".join(ids) if len(ids) <= _LISTED else f"{len(ids)} checks"
