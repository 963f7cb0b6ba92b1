"""RET: when, how often and how soon a client retries."""

from __future__ import annotations

import itertools
import statistics
import time
from email.utils import formatdate
from typing import Any

from relace_contract.client.answers import fault, status
from relace_contract.client.case import Case
from relace_contract.client.conversation import Conversation
from relace_contract.client.generated import FAILURES, for_all
from relace_contract.client.model import predict
from relace_contract.counts import counted
from relace_contract.judgement import Departure

TEXTS = ("first", "second")
#: A wait may be shorter than the server asked for by this fraction plus these seconds.
_SLACK, _MOMENT = 0.05, 0.05
#: Headers that ask for an immediate retry; clients may know either of them.
SOON = {"Retry_After": "0", "retry_after_ms": "20"}
#: Calls whose waits are compared; the factor by which waits must grow; how far they must spread.
_CALLS, _GROWTH, _SPREAD = 10, 1.4, 0.04
#: Seconds that a call may take if the server asks for a wait of a day.
_BOUND = 15.0


def not_retried(case: Case) -> None:
    """RET-01."""
    for code in (400, 401, 404):
        talk = case.play(TEXTS, status(code), max_retries=2)
        talk.fails()
        talk.asked(1)


def rate_limit_retried(case: Case) -> None:
    """RET-02."""
    case.needs("retry")
    talk = case.play(TEXTS, status(429, times=1, **SOON), max_retries=2)
    talk.gives(case.true(TEXTS)[0])
    talk.asked(2)


def server_error_retried(case: Case) -> None:
    """RET-03."""
    case.needs("retry")
    for code in (500, 503):
        talk = case.play(TEXTS, status(code, times=1, **SOON), max_retries=2)
        talk.gives(case.true(TEXTS)[0])
        talk.asked(2)


def bounded(case: Case) -> None:
    """RET-04."""
    for retries, code in ((2, 500), (1, 429), (0, 500)):
        talk = case.play(
            TEXTS,
            status(code, "first failure", times=1, **SOON),
            status(code, "later failure", **SOON),
            max_retries=retries,
        )
        if len(talk.requests) > retries + 1:
            most = counted(retries + 1, "request")
            raise talk.departs(
                f"with max_retries {retries}, at most {most} may arrive, not {len(talk.requests)}"
            )
        if case.claims("retry"):
            talk.asked(retries + 1)
        talk.fails(says="later failure" if len(talk.requests) > 1 else "first failure")


def seconds_kept(case: Case) -> None:
    """RET-05."""
    case.needs("retry_after")
    talk = case.play(TEXTS, status(429, times=1, Retry_After="2"), max_retries=2)
    talk.gives(case.true(TEXTS)[0])
    _waited(talk, 2.0)


def date_kept(case: Case) -> None:
    """RET-06: the wait ends at the date itself, which the header gives in whole seconds."""
    case.needs("retry_after")
    moment = int(time.time()) + 4
    step = status(503, times=1, Retry_After=formatdate(moment, usegmt=True))
    talk = case.play(TEXTS, step, max_retries=2)
    talk.gives(case.true(TEXTS)[0])
    _waited(talk, moment - talk.requests[0].at)


def _waited(talk: Conversation, seconds: float) -> None:
    talk.asked(2)
    if talk.gaps[0] < seconds * (1 - _SLACK) - _MOMENT:
        raise talk.departs(
            f"the client was asked to wait {seconds:.2f} s, but came back after {talk.gaps[0]:.2f} s"
        )


def odd_waits(case: Case) -> None:
    """RET-07."""
    case.needs("retry")
    for value in ("soon", "-1", "0", "1e999", "nan", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 X"):
        talk = case.play(TEXTS, status(429, times=1, Retry_After=value), max_retries=1)
        if talk.said.ending.value == "error":
            talk.fails("rate_limit", status=429)
        elif len(talk.requests) > 1:
            talk.gives(case.true(TEXTS)[0])


def huge_wait(case: Case) -> None:
    """RET-08."""
    case.needs("retry")
    for value in ("86400", formatdate(time.time() + 86400, usegmt=True)):
        step = status(429, times=1, Retry_After=value)
        talk = case.play(TEXTS, step, max_retries=1, timeout_ms=3000, limit=_BOUND)
        if talk.said.ending.value == "error":
            talk.fails("rate_limit", "timeout")


def same_body(case: Case) -> None:
    """RET-09."""
    case.needs("retry")
    texts = ("caf\u00e9", "second", "third")
    talk = case.play(texts, status(500, times=2, **SOON), max_retries=2, max_batch=len(texts))
    for seen in talk.requests[1:]:
        if seen.digest != talk.requests[0].digest:
            raise talk.departs("a retried request must have the same body as the first")
        if seen.header("content-type") != talk.requests[0].header("content-type"):
            raise talk.departs("a retried request must have the same Content-Type as the first")
    talk.asked(3)


def backoff(case: Case) -> None:
    """RET-10."""
    case.needs("retry")
    talks = [case.play(TEXTS, status(500), max_retries=2) for _ in range(_CALLS)]
    for talk in talks:
        talk.asked(3)
    first, second = ([talk.gaps[place] for talk in talks] for place in (0, 1))
    if statistics.median(second) < _GROWTH * statistics.median(first):
        raise talks[-1].departs(
            "waits must grow from one attempt to the next (for example 0.5 s, then 1 s); they were "
            f"{_spoken(first)}, then {_spoken(second)}"
        )
    # A busy machine can make waits longer but not shorter, so only the shorter half is compared.
    related = sorted(gap / statistics.median(gaps) for gaps in (first, second) for gap in gaps)
    if related[_CALLS] - related[0] < _SPREAD:
        raise talks[-1].departs(
            "waits must be spread, so that clients do not return all at once; they were "
            f"{_spoken([*first, *second])}"
        )


def _spoken(gaps: list[float]) -> str:
    return " ".join(f"{gap:.2f}" for gap in gaps) + " s"


def any_script(case: Case) -> None:
    """RET-11."""
    case.needs("retry")

    def judge(drawn: Any) -> None:
        retries, script = drawn
        talk = case.play(TEXTS, *_steps(script), max_retries=retries, max_batch=len(TEXTS))
        _as_predicted(case, talk, retries, script)

    # Hypothesis chooses other scripts in other versions, so always try these as well.
    for kind in FAILURES:
        judge((1, [kind]))
    for_all(case, "scripts", judge)


def _steps(script: list[Any]) -> list[dict[str, Any]]:
    return [
        {**(fault("reset") if kind == "reset" else status(kind, **SOON)), "times": len(list(group))}
        for kind, group in itertools.groupby(script)
    ]


def _as_predicted(case: Case, talk: Conversation, retries: int, script: list[Any]) -> None:
    wanted = predict(script, retries)
    try:
        talk.asked(wanted.requests)
        if wanted.kind is None:
            talk.gives(case.true(TEXTS)[0])
        else:
            talk.fails(wanted.kind, status=wanted.status)
    except Departure as departure:
        raise departure.said_of(f"max_retries {retries}, {' '.join(map(str, script))}") from None
