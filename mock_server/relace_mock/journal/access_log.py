"""The access log: one plain line for each request, once it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from relace_mock import contract
from relace_mock.journal.entry import Entry
from relace_mock.journal.events import Event, Finished
from relace_mock.journal.journal import History
from relace_mock.keys import ANONYMOUS


class AccessLog:
    """A reader of the journal that gives each line to ``write``, which must not block."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, history: History, event: Event) -> None:
        """Write the line of a request that is over."""
        if isinstance(event, Finished):
            self._write(line(history.entry()))


def line(entry: Entry) -> str:
    """Describe one request on one line.

    The line has the time, a short hash of the key, the status and the duration. Where they apply,
    it also has the path, inputs and tokens, where recorded vectors come from, the scenario with the step that answered, the attempt,
    and the outcome.
    """
    moment = datetime.fromtimestamp(entry.arrived.time).astimezone()
    key = entry.namespace if entry.namespace == ANONYMOUS else entry.namespace[:8]
    status = "-" if entry.status is None else str(entry.status)
    parts = (f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}", f"{key:9}", f"{status:3}")
    return "  ".join((*parts, f"{(entry.duration or 0) * 1000:.1f} ms", *_details(entry)))


def _details(entry: Entry) -> Iterator[str]:
    decided, decision = entry.decided, entry.decided.decision
    if entry.arrived.path != contract.EMBED_PATH or entry.arrived.method != contract.EMBED_METHOD:
        yield _printable(f"{entry.hidden(entry.arrived.method)} {entry.path}")
    if decided.inputs is not None:
        yield _counted(decided.inputs, "input")
    if decided.tokens is not None:
        yield _counted(decided.tokens, "token")
    if decided.source not in (None, "computed"):
        yield str(decided.source)
    if entry.scenario is not None:
        step = decision.step
        does = (step.fault or ", ".join(step.mutate) or "") if step else "normal service"
        number = f" rule {decision.rule} step {decision.number}" if step else ""
        yield f"{entry.scenario.name}{number}{': ' if does else ''}{does}"
    if entry.attempt is not None and entry.attempt > 1:
        yield f"attempt {entry.attempt}"
    if entry.outcome not in ("answered", "refused"):
        yield entry.outcome.replace("_", " ")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _printable(text: str) -> str:
    """At most 80 characters of a client's text; a mark replaces each unprintable character."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:80])
