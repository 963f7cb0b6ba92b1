"""How a client behaved, from the journal of any traffic.

Attempts are grouped by body, not by headers that a client may forge. What the contract or
the answer forbade fails; what is merely unwise warns.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from relace_mock.journal import BODY_LIMIT, Entry

Level = Literal["fail", "warn"]
_Meaning = tuple[str, tuple[str, ...]]

_FINAL = (400, 401, 404)  # to send the same again is no use
_STORM = 10  # attempts
_SLACK = 0.95, 0.05  # a part of Retry-After, and seconds: clocks and schedulers differ
_AT_ONCE = 0.05  # seconds; a second retry that comes sooner did not back off
_CONNECTIONS = 5  # needless connections that are no accident
_LOOKED_AT = 1000  # requests of a key that are looked at for it
_AGAIN = 3  # answers with the vector of one text that are a habit


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a client did. ``requests`` are numbers of entries of the journal."""

    rule: str
    level: Level
    message: str
    requests: Sequence[int]

    def __str__(self) -> str:
        """On one line."""
        numbers = ", ".join(map(str, self.requests))
        return f"{self.rule}: {self.message} (request {numbers})"


class BehaviourWarning(UserWarning):
    """A client did something unwise, but not forbidden."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in so many ``requests``."""

    requests: int
    findings: Sequence[Finding]

    def __bool__(self) -> bool:
        """Whether it is ``ok``, so that ``assert mock.verdict()`` fails where it is not."""
        return self.ok

    def __repr__(self) -> str:
        """On one line, as a failed ``assert`` shows it."""
        found = "; ".join(map(str, self.findings)) or "no findings"
        return f"<Verdict {'ok' if self.ok else 'NOT ok'}, {self.requests} requests: {found}>"

    @property
    def ok(self) -> bool:
        """Whether requests came, and none did what is forbidden."""
        return self.requests > 0 and not self.failures

    @property
    def failures(self) -> list[Finding]:
        """What is forbidden."""
        return [finding for finding in self.findings if finding.level == "fail"]

    @property
    def warnings(self) -> list[Finding]:
        """What is unwise."""
        return [finding for finding in self.findings if finding.level == "warn"]

    def assert_ok(self) -> None:
        """Warn of what is unwise. Raises ``AssertionError`` for what is forbidden.

        Also if no request came: then nothing was tested.
        """
        for finding in self.warnings:
            warnings.warn(str(finding), BehaviourWarning, stacklevel=2)
        if not self.requests:
            raise AssertionError("relace-mock: no request arrived, so nothing was tested")
        if self.failures:
            lines = "\n".join(f"  {finding}" for finding in self.failures)
            raise AssertionError(f"relace-mock: the client broke the contract:\n{lines}")


def judge(entries: Iterable[Entry]) -> Verdict:
    """The verdict on the completed entries of a journal."""
    done = [entry for entry in entries if entry.outcome != "pending"]
    by_key: dict[str, list[Entry]] = defaultdict(list)
    for entry in done:
        by_key[entry.namespace].append(entry)
    findings = [finding for group in by_key.values() for finding in _of_one_key(group)]
    order = {"fail": 0, "warn": 1}
    return Verdict(len(done), sorted(findings, key=lambda one: (order[one.level], one.requests)))


def _of_one_key(entries: list[Entry]) -> Iterator[Finding]:
    by_body: dict[bytes, list[Entry]] = defaultdict(list)
    by_meaning: dict[_Meaning, list[Entry]] = defaultdict(list)
    for entry in entries:
        message = "; ".join(entry.violations)
        if message and entry.refusal not in (413, 429):
            yield Finding("contract_violation", "fail", message, [entry.number])
        if entry.refusal == 413:
            yield Finding("oversized_batch", "warn", message, [entry.number])
        if entry.attempt is not None:
            by_body[entry.body_hash].append(entry)
        if not message and (meaning := _meaning(entry)):
            by_meaning[meaning].append(entry)
    for attempts in by_body.values():
        yield from _of_one_body(attempts)
    for alike in by_meaning.values():
        yield from _changed_bodies(alike)
    yield from _connections(entries)
    yield from _repeated_texts(by_meaning)


def _of_one_body(attempts: list[Entry]) -> Iterator[Finding]:
    """Every retry beside the attempt that it repeats."""
    retries = 0
    for before, after in zip(attempts, [*attempts[1:], None], strict=True):
        is_retry = after is not None and after.attempt != 1 and after.time >= before.ended
        if after is None or not is_retry:  # the last, a new call, or one sent at the same time
            if retries == 0 and before.attempt == 1 and _is_passing(before):
                message = f"a {before.status} was not retried"
                yield Finding("gave_up", "warn", message, [before.number])
            retries = 0
            continue
        retries += 1
        yield from _of_one_retry(before, after, retries)
        if retries == _STORM:
            message = f"more than {_STORM} attempts of one request"
            yield Finding("retry_storm", "fail", message, [after.number])


def _of_one_retry(before: Entry, after: Entry, retries: int) -> Iterator[Finding]:
    both = [before.number, after.number]
    gap = after.time - before.ended
    if before.status in _FINAL:
        message = f"a {before.status} was sent again as it was"
        yield Finding("retried_non_retryable", "fail", message, both)
    wait = _seconds(before)
    if wait is not None and gap < wait * _SLACK[0] - _SLACK[1]:
        message = f"Retry-After asked for {wait:g} s, the retry came after {gap:.2f} s"
        yield Finding("retry_after_ignored", "fail", message, both)
    if wait is None and retries > 1 and gap < _AT_ONCE:
        message = f"retry {retries} came {gap * 1000:.0f} ms after the failure"
        yield Finding("no_backoff", "warn", message, both)


def _is_passing(entry: Entry) -> bool:
    return entry.status is not None and (entry.status == 429 or entry.status >= 500)


def _changed_bodies(alike: list[Entry]) -> Iterator[Finding]:
    """A failed request that comes again, but in another body."""
    for before, after in itertools.pairwise(alike):
        failed = _is_passing(before) or before.outcome == "faulted"
        changed = after.body_hash != before.body_hash
        if failed and changed and after.time >= before.ended:
            message = "the same texts were sent again in another body"
            both = [before.number, after.number]
            yield Finding("body_changed_on_retry", "fail", message, both)


def _connections(entries: list[Entry]) -> Iterator[Finding]:
    """No keep-alive: new connections while others that the server kept open were idle."""
    idle_from: dict[str, float] = {}
    wasted = []
    for entry in entries[:_LOOKED_AT]:
        new = entry.client not in idle_from
        if new and any(since <= entry.time for since in idle_from.values()):
            wasted.append(entry.number)
        if entry.outcome in ("answered", "refused"):
            idle_from[entry.client] = entry.ended
        else:
            idle_from.pop(entry.client, None)
    if len(wasted) >= _CONNECTIONS:
        message = f"{len(wasted)} new connections, though others were open and idle"
        yield Finding("connection_per_request", "warn", message, [wasted[0], wasted[-1]])


def _repeated_texts(by_meaning: dict[_Meaning, list[Entry]]) -> Iterator[Finding]:
    """Texts whose vectors were given again and again."""
    given: Counter[str] = Counter()
    last: dict[str, Entry] = {}
    for (_, texts), alike in by_meaning.items():
        served = [entry for entry in alike if entry.status == 200 and entry.outcome == "answered"]
        for text in set(texts) if served else ():
            given[text] += len(served)
            last[text] = served[-1]
    again = [text for text, times in given.items() if times >= _AGAIN]
    if again:
        shown = last[again[0]].hidden(again[0])[:30]  # JSON has more than one way to write a key
        message = f"{len(again)} texts were embedded {_AGAIN} times or more, as {shown!r}"
        numbers = sorted({last[text].number for text in again})
        yield Finding("duplicate_work", "warn", message, numbers)


def _meaning(entry: Entry) -> _Meaning | None:
    """The model and the texts of a valid request whose whole body was kept."""
    if entry.attempt is None or entry.length > BODY_LIMIT:
        return None
    try:
        body: Any = json.loads(entry.body)
        return body["model"], tuple(body["input"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _seconds(entry: Entry) -> float | None:
    """The wait that an answer asked for in Retry-After: seconds, or a date."""
    if entry.retry_after is None:
        return None
    try:
        return max(float(entry.retry_after), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(entry.retry_after).timestamp() - entry.ended, 0.0)
    except (ValueError, OverflowError):
        return None
