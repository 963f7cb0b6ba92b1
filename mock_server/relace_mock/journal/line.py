"""A request on one line, as the access log and ``relace-mock requests`` write it.

The columns are: time, short hash of the key, status, duration, inputs, tokens. Where they apply,
there follow the path, the scenario with what answered, the attempt with the gap since the attempt
before, why the request was refused, and how the exchange ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from relace_mock import contract, retry_after
from relace_mock.colour import painted
from relace_mock.excerpts import shortened
from relace_mock.journal.entry import Entry
from relace_mock.keys import ANONYMOUS

_REMEMBERED = 10_000  # requests whose next attempt may come
_SCENARIO = 40  # characters of the column of the scenario, if another one follows
_LONGEST = 80  # characters of a client's path, or of a message
_HUES = ("cyan", "magenta", "blue", "yellow", "green")  # of keys, so that the eye can follow one


class Summary(NamedTuple):
    """What the line of a request says.

    ``time`` is its arrival in seconds since 1970; ``duration`` is in seconds, None while it is
    pending. ``does`` has the fault or the mutations of the step. ``target`` is method and path,
    unless they are those of the endpoint that embeds. ``source`` is where the vectors come from.
    ``body`` is the hash of the body. ``refusal`` is why the request was refused.
    """

    time: float
    namespace: str
    status: int | None
    duration: float | None
    outcome: str
    inputs: int | None
    input_noun: str
    tokens: int | None
    source: str | None
    scenario: str | None
    rule: int | None
    step: int | None
    does: Sequence[str]
    attempt: int | None
    retry_after: str | None
    body: str
    target: str | None
    refusal: str | None


def summary_of(entry: Entry) -> Summary:
    """Summarise an entry of the journal."""
    decided, decision = entry.decided, entry.decided.decision
    step = decision.step
    arrived = entry.arrived
    is_usual = arrived.path == contract.EMBED_PATH and arrived.method == contract.METHOD
    return Summary(
        arrived.time,
        entry.namespace,
        entry.status,
        entry.duration,
        entry.outcome,
        decided.inputs,
        _noun(arrived.path),
        decided.tokens,
        decided.source,
        entry.scenario_name,
        decision.rule,
        decision.number,
        ([step.fault] if step.fault else list(step.mutate)) if step else (),
        entry.attempt,
        decided.retry_after,
        entry.read.body_hash.hex(),
        None if is_usual else f"{entry.hidden(arrived.method)} {entry.path}",
        entry.violations[-1] if entry.outcome == "refused" and decided.broken else None,
    )


def summary_from(shown: Mapping[str, Any]) -> Summary:
    """Summarise an entry as the control API returns it. Raises ``KeyError`` if it is not one."""
    request = shown["request"]
    method, path = request["method"], request["path"]
    is_usual = path == contract.EMBED_PATH and method == contract.METHOD
    return Summary(
        datetime.fromisoformat(shown["time"]).timestamp(),
        shown["namespace"],
        shown["status"],
        shown["duration"],
        shown["outcome"],
        shown["inputs"],
        _noun(path),
        shown["tokens"],
        shown["source"],
        shown["scenario"],
        shown["rule"],
        shown["step"],
        [shown["fault"]] if shown["fault"] else shown["mutations"],
        shown["attempt"],
        shown["retry_after"],
        request["xxh3_128"],
        None if is_usual else f"{method} {path}",
        shown["violations"][-1] if shown["outcome"] == "refused" and shown["violations"] else None,
    )


def _noun(path: str) -> str:
    """The noun for an input at this path."""
    return "file" if contract.ENDPOINTS.get(path) == "rank" else "input"


class Lines:
    """Writes lines. It remembers requests, to tell the gap between one attempt and the next."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._before: OrderedDict[tuple[str, str], Summary] = OrderedDict()

    def line(self, of: Summary) -> str:
        """Describe a request on one line, without a line break."""
        key = of.namespace if of.namespace == ANONYMOUS else of.namespace[:8]
        columns = [
            self._paint(_clock(of.time), "dim"),
            self._paint(f"{key:9}", _hue(of.namespace)),
            self._paint("-  " if of.status is None else f"{of.status:<3}", _light(of.status)),
            _took(of.duration),
            _counted(of.inputs, 5, of.input_noun),
            _counted(of.tokens, 7, "token"),
            *self._details(of),
        ]
        return "  ".join(columns).rstrip()

    def _details(self, of: Summary) -> Iterator[str]:
        before = self._swapped(of)
        if of.target is not None:
            yield _printable(of.target)
        if of.source not in (None, "computed"):
            yield str(of.source)
        again = of.attempt is not None and of.attempt > 1
        if of.scenario is not None and (of.target is None or of.step is not None):
            told = f"{of.scenario}, {_answered_by(of)}"
            yield self._paint(
                f"{told:{_SCENARIO}}" if again else told, "magenta" if of.does else "cyan"
            )
        if again:
            yield f"attempt {of.attempt}{self._gap(before, of)}"
        if of.refusal is not None:
            yield self._paint(_printable(of.refusal), "yellow")
        if of.outcome not in ("answered", "refused"):
            yield self._paint(of.outcome.replace("_", " "), "red")

    def _swapped(self, of: Summary) -> Summary | None:
        """Remember a request, and return the one with the same key and body before it."""
        if of.attempt is None:
            return None
        call = of.namespace, of.body
        before = self._before.pop(call, None)
        self._before[call] = of
        if len(self._before) > _REMEMBERED:
            self._before.popitem(last=False)
        return before

    def _gap(self, before: Summary | None, after: Summary) -> str:
        """The seconds between two attempts, and whether the answer asked for a longer wait."""
        if before is None or before.duration is None:
            return ""
        ended = before.time + before.duration
        gap = after.time - ended
        if gap < 0:  # sent at the same time
            return ""
        told = f" after {_seconds(gap)}"
        asked = before.retry_after and retry_after.wait(before.retry_after, ended)
        if asked is None or asked == "":
            return told
        early = retry_after.is_early(gap, asked)
        verdict = f"asked for {_seconds(asked)}{': too early' if early else ''}"
        return f"{told} ({self._paint(verdict, 'red' if early else 'green')})"

    def _paint(self, text: str, style: str) -> str:
        return painted(text, style, on=self._colour)


def _clock(time: float) -> str:
    moment = datetime.fromtimestamp(time).astimezone()
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"


def _hue(namespace: str) -> str:
    return "dim" if namespace == ANONYMOUS else _HUES[sum(namespace.encode()) % len(_HUES)]


def _light(status: int | None) -> str:
    if status is None or status >= 500:
        return "red"
    return "yellow" if status >= 400 else "green"


def _took(duration: float | None) -> str:
    if duration is None:
        return " " * 11
    return f"{duration:9.2f} s" if duration >= 10 else f"{duration * 1000:8.1f} ms"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if 0 < seconds < 1 else f"{round(seconds, 2):g} s"


def _counted(number: int | None, width: int, noun: str) -> str:
    if number is None:
        return " " * (width + len(noun) + 2)
    return f"{number:{width}} {noun}{' ' if number == 1 else 's'}"


def _answered_by(of: Summary) -> str:
    if of.step is None:
        return "normal service"
    return f"rule {of.rule} step {of.step}{': ' if of.does else ''}{', '.join(of.does)}"


def _printable(text: str) -> str:
    """At most 80 characters of a text; a mark replaces each unprintable character."""
    marked = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shortened(marked, _LONGEST)
