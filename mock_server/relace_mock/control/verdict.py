"""Judges how a client behaved, from the journal of any traffic.

Attempts are grouped by body, not by headers, which a client may forge. Behaviour that the contract
or an answer forbids fails. Behaviour that is merely unwise warns.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from relace_mock import contract, retry_after
from relace_mock.control.findings import Finding, Verdict
from relace_mock.counts import counted
from relace_mock.journal.connections import TcpConnection
from relace_mock.journal.entry import Entry
from relace_mock.journal.events import BODY_LIMIT
from relace_mock.keys import ANONYMOUS

#: Path, model or token limit, and texts.
_Meaning = tuple[str, object, tuple[str, ...]]

_FINAL = (400, 401, 404)  # the same request fails again
_NOT_OF_THE_CONTRACT = (408, 413, 429, 503)  # refusals for time, size and number
_STORM = 10  # attempts
_AT_ONCE = 0.05  # seconds; a second retry that comes sooner did not back off
_CONNECTIONS = 5  # fewer needless connections may be an accident
_LOOKED_AT = 1000  # requests of a key that are checked for needless connections
_INCOMPLETE = (
    "{} requests are no longer in the journal, so the verdict does not cover them: give the server "
    "a larger --journal-size or --journal-bytes, or empty the journal between tests"
)
_FORGOTTEN = (
    "the server forgot scenario, quota, clock or attempts of an idle key to make room for others: "
    "give it a larger --max-namespaces or --namespace-ttl, or reset keys that are no longer used"
)
_AGAIN = 3  # fewer answers with the vector of the same text may be an accident


def judge(entries: Iterable[Entry], dropped: int = 0, *, forgotten: bool = False) -> Verdict:
    """Judge the completed entries of a journal, which has dropped ``dropped`` others.

    ``forgotten`` says that the server dropped state on which the requests may have depended.
    Requests that a client of Relace does not send, such as health checks, are ignored.
    """
    done = [entry for entry in entries if entry.outcome != "pending" and not _is_probe(entry)]
    by_key: dict[str, list[Entry]] = defaultdict(list)
    for entry in done:
        by_key[entry.namespace].append(entry)
    findings = [finding for group in by_key.values() for finding in _of_one_key(group)]
    order = {"fail": 0, "warn": 1}
    findings.sort(key=lambda one: (order[one.level], one.requests))
    if dropped:
        findings.insert(0, Finding("journal_incomplete", "fail", _INCOMPLETE.format(dropped), []))
    if forgotten:
        findings.insert(0, Finding("state_forgotten", "fail", _FORGOTTEN, []))
    return Verdict(len(done), findings, complete=not dropped)


def _is_probe(entry: Entry) -> bool:
    """Whether a request comes from a load balancer or a browser, not from a client of Relace.

    A request with a key, wherever it is, comes from a client of Relace, whatever its path.
    """
    if entry.namespace != ANONYMOUS or not entry.arrived.method or entry.sends_secret:
        return False
    return entry.arrived.path not in contract.ENDPOINTS or entry.arrived.method == "OPTIONS"


def _of_one_key(entries: list[Entry]) -> Iterator[Finding]:
    by_body: dict[tuple[str, bytes], list[Entry]] = defaultdict(list)
    by_meaning: dict[_Meaning, list[Entry]] = defaultdict(list)
    too_long: dict[tuple[str, bytes], list[Entry]] = defaultdict(list)
    for entry in entries:
        message = "; ".join(entry.violations)
        if message and entry.decided.refusal not in _NOT_OF_THE_CONTRACT:
            yield Finding("contract_violation", "fail", message, [entry.number])
        if entry.decided.refusal == 413:
            yield Finding("oversized_batch", "warn", message, [entry.number])
        if entry.attempt is not None:
            by_body[entry.arrived.path, entry.read.body_hash].append(entry)
        if not message and (meaning := _meaning(entry)):
            by_meaning[meaning].append(entry)
        elif not message and entry.attempt is not None and entry.decided.texts_hash:
            too_long[entry.arrived.path, entry.decided.texts_hash].append(entry)
    for attempts in by_body.values():
        yield from _of_one_body(attempts)
    for alike in itertools.chain(by_meaning.values(), too_long.values()):
        yield from _changed_bodies(alike)
    yield from _connections(entries)
    yield from _repeated_texts(by_meaning)


def _of_one_body(attempts: list[Entry]) -> Iterator[Finding]:
    """Compare every retry with the attempt that it repeats."""
    retries = 0
    for before, after in zip(attempts, [*attempts[1:], None], strict=True):
        is_retry = after is not None and after.attempt != 1 and after.is_after(before)
        if after is None or not is_retry:  # the last, a new call, or one sent at the same time
            if retries == 0 and before.attempt == 1 and _is_passing(before):
                message = f"a request that got {before.status} was not retried"
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
    gap = after.gap(before)
    if before.status in _FINAL:
        message = f"a request that got {before.status} was sent again unchanged"
        yield Finding("retried_non_retryable", "fail", message, both)
    wait = None
    if before.decided.retry_after is not None:
        wait = retry_after.wait(before.decided.retry_after, before.ended)
    if wait is not None and retry_after.is_early(gap, wait):
        message = f"Retry-After asked for {wait:g} s, the retry came after {gap:.2f} s"
        yield Finding("retry_after_ignored", "fail", message, both)
    if wait is None and retries > 1 and gap < _AT_ONCE:
        message = f"retry {retries} came {gap * 1000:.0f} ms after the failure"
        yield Finding("no_backoff", "warn", message, both)


def _is_passing(entry: Entry) -> bool:
    return entry.status is not None and (entry.status == 429 or entry.status >= 500)


def _changed_bodies(alike: list[Entry]) -> Iterator[Finding]:
    """Find failed requests that were sent again, but in another body."""
    for before, after in itertools.pairwise(alike):
        failed = _is_passing(before) or before.outcome == "faulted"
        changed = after.read.body_hash != before.read.body_hash
        if failed and changed and after.is_after(before):
            message = "the same texts were sent again in another body"
            both = [before.number, after.number]
            yield Finding("body_changed_on_retry", "fail", message, both)


def _connections(entries: list[Entry]) -> Iterator[Finding]:
    """Find new connections that were opened while others were open and idle: no keep-alive."""
    last: dict[TcpConnection, Entry] = {}
    wasted = []
    for entry in entries[:_LOOKED_AT]:
        here = entry.arrived.connection
        if here is None:
            continue
        if here not in last and any(
            other.was_open(entry.arrived.came) and _was_idle(latest, here.opened)
            for other, latest in last.items()
        ):
            wasted.append(entry.number)
        last[here] = entry
    if len(wasted) >= _CONNECTIONS:
        message = f"{len(wasted)} new connections, though others were open and idle"
        yield Finding("connection_per_request", "warn", message, [wasted[0], wasted[-1]])


def _was_idle(latest: Entry, event: int) -> bool:
    """Whether a connection was idle at an event, given the latest request on it before."""
    finished = latest.outcome in ("answered", "refused")
    return finished and latest.finished.over is not None and latest.finished.over < event


def _repeated_texts(by_meaning: dict[_Meaning, list[Entry]]) -> Iterator[Finding]:
    """Find texts that were embedded again and again."""
    given: Counter[str] = Counter()
    last: dict[str, Entry] = {}
    for (path, _, texts), alike in by_meaning.items():
        if path != contract.EMBED_PATH:
            continue  # a file may be ranked for many queries
        served = [entry for entry in alike if entry.status == 200 and entry.outcome == "answered"]
        for text in set(texts) if served else ():
            given[text] += len(served)
            last[text] = served[-1]
    again = [text for text, times in given.items() if times >= _AGAIN]
    if again:
        shown = last[again[0]].hidden(again[0])[:30]  # JSON has more than one way to write a key
        embedded = counted(len(again), "text was", "texts were")
        message = f"{embedded} embedded {_AGAIN} times or more, such as {shown!r}"
        numbers = sorted({last[text].number for text in again})
        yield Finding("duplicate_work", "warn", message, numbers)


def _meaning(entry: Entry) -> _Meaning | None:
    """What a valid request asks for, if its whole body was kept."""
    if entry.attempt is None or entry.read.length > BODY_LIMIT:
        return None
    path = entry.arrived.path
    try:
        body: Any = json.loads(entry.body)
        if contract.ENDPOINTS[path] == "rank":
            return path, body.get("token_limit"), (body["query"], *_files(body["codebase"]))
        texts = body["input"]
        return path, body["model"], (texts,) if isinstance(texts, str) else tuple(texts)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _files(codebase: Any) -> Iterator[str]:
    for file in codebase:
        yield file["filename"]
        yield file["content"] if "content" in file else file["code"]
