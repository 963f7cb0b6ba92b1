"""A report as one page that can be forwarded: no script, nothing loaded from elsewhere."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from relace_contract.finding import Evidence, Finding, Outcome, Report, Result
from relace_contract.reports.characters import printable
from relace_contract.requirements import families

_FOOTER = (
    "<footer>Labels: <b>documented</b>, Relace's public documentation says so; "
    "<b>observed</b>, seen in public code that talks to the live service; "
    "<b>policy</b>, a choice of relace-mock that a server may share. "
    "MUST fails, SHOULD warns, MAY informs.</footer>"
)
_WHAT = {"server": "a server", "client": "a client"}


def render(report: Report) -> str:
    """The whole page."""
    title = f"{report.subject} against Relace's embed contract"
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{style}</style></head><body><main>",
            *_top(report),
            *_findings(report),
            *_table(report),
            _FOOTER,
            "</main></body></html>\n",
        ]
    )


def escape(text: str) -> str:
    """Foreign text for a page: markup in it is text, and every character can be shown."""
    return html.escape(printable(text))


def _top(report: Report) -> Iterator[str]:
    count = len(report.results)
    red = sum(result.outcome.red for result in report.results)
    warned = report.count(Outcome.WARNS)
    verdict = f"{red} of {count} checks fail." if red else f"Nothing fails in {count} checks."
    if report.incomplete:
        unseen = report.count(Outcome.NOT_RUN)
        verdict = (
            f"Incomplete: {escape(report.incomplete)}; "
            f"{unseen} of {count} checks were not run, {red - unseen} fail."
        )
    tone = "fails" if red else "warning" if warned else "holds"
    yield f"<h1>{escape(report.subject)}</h1>"
    yield (
        '<p class="by">held to the contract of <code>POST /v1/code/embed</code> by relace-mock, '
        f"{dt.datetime.now(tz=dt.UTC).date()}, seed {report.seed}, {report.seconds:.1f} seconds</p>"
    )
    yield f'<p class="verdict {tone}">{verdict}</p><ul class="tiles">'
    for outcome in Outcome:
        if number := report.count(outcome):
            yield (
                f'<li class="{_tone(outcome)}"><b>{number}</b>'
                f"<span>{escape(outcome.value)}</span></li>"
            )
    yield "</ul>"
    yield from (f"<p>{escape(fact)}</p>" for fact in report.facts)


def _tone(outcome: Outcome) -> str:
    return outcome.value.partition(" ")[0]


def _findings(report: Report) -> Iterator[str]:
    order = [Outcome.FAILS, Outcome.STALE, Outcome.WARNS, Outcome.KNOWN, Outcome.INFORMS]
    found = [
        result
        for result in report.results
        if result.outcome in order and (result.findings or result.outcome is Outcome.STALE)
    ]
    if found:
        yield "<h2>Findings</h2>"
    for result in sorted(found, key=lambda one: order.index(one.outcome)):
        yield f'<section class="finding {_tone(result.outcome)}" id="{result.requirement.id}">'
        asked = result.requirement
        yield (
            f"<header><h3>{asked.id}</h3>{_badge(result.outcome.value, 'tone')}"
            f"{_badge(asked.level)}{_badge(asked.label)}</header>"
        )
        if not result.findings:
            yield '<p class="problem">It holds now: take it off the list of known failures.</p>'
        for finding in result.findings:
            yield from _finding(finding, result)
        yield "</section>"


def _finding(finding: Finding, result: Result) -> Iterator[str]:
    yield f'<p class="problem">{_prose(finding.problem)}</p>'
    asked = result.requirement
    for evidence in finding.evidence or (Evidence("", ""),):
        yield '<div class="sides">'
        yield _side("Sent", f"<pre>{escape(evidence.sent) or '…'}</pre>")
        yield _side("Came back", f"<pre>{escape(evidence.received) or '…'}</pre>")
        yield _side("Contract", f"{_prose(asked.sentence)} {_badge(asked.label)}")
        yield "</div>"
    by_hand = finding.evidence[-1].by_hand if finding.evidence else ""
    commands = [finding.command, *([by_hand] if by_hand else [])]
    yield (
        '<div class="again">'
        + "".join(f"<pre>{escape(line)}</pre>" for line in commands)
        + "</div>"
    )


def _side(title: str, content: str) -> str:
    return f"<div><h4>{title}</h4>{content}</div>"


def _badge(text: str, kind: str = "") -> str:
    return f'<span class="badge {kind}">{escape(text)}</span>'


def _prose(text: str) -> str:
    """Text in which back quotes are code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))


def _table(report: Report) -> Iterator[str]:
    subject = report.results[0].requirement.subject if report.results else "server"
    titles = {family.id: family.title for family in families(subject)}
    yield f"<h2>What was asked of {_WHAT[subject]}</h2>"
    yield "<table><thead><tr><th>Check</th><th>Contract</th><th>Level</th><th>Label</th>"
    yield "<th>Outcome</th></tr></thead><tbody>"
    for family, group in groupby(report.results, key=lambda one: one.requirement.family):
        yield f'<tr class="family"><td>{family}</td><td colspan="4">{titles[family]}</td></tr>'
        yield from map(_row, group)
    yield "</tbody></table>"


def _row(result: Result) -> str:
    asked = result.requirement
    name = f'<a href="#{asked.id}">{asked.id}</a>' if result.findings else asked.id
    note = f'<span class="note">{escape(result.note)}</span>' if result.note else ""
    return (
        f'<tr class="{_tone(result.outcome)}"><td class="id">{name}</td>'
        f"<td>{_prose(asked.sentence)}{note}</td><td>{asked.level}</td><td>{asked.label}</td>"
        f"<td>{_badge(result.outcome.value, 'tone')}</td></tr>"
    )
