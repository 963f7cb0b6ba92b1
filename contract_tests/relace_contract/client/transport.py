"""NET: broken, slow and stale connections."""

from __future__ import annotations

import json

from relace_contract.client.answers import content, fault
from relace_contract.client.case import Case
from relace_contract.client.conversation import Conversation
from relace_contract.client.origin import Bytes, Origin, chunked
from relace_contract.judgement import NotExercised

TEXTS = ("first", "second")
#: The client's timeout in milliseconds, and the seconds by which it may exceed that.
_TIMEOUT, _LATE = 800, 2.0
_LIMIT = 6.0  # seconds after which a call that has not ended is given up


def reset(case: Case) -> None:
    """NET-01."""
    talk = case.play(TEXTS, fault("reset"), max_retries=1)
    talk.fails("connection")
    if case.claims("retry"):
        talk.asked(2)
        talk = case.play(TEXTS, fault("reset", times=1), max_retries=1)
        talk.gives(case.true(TEXTS)[0])


def reset_mid_body(case: Case) -> None:
    """NET-02."""
    for at in (0.1, 0.5, 0.95, 0.99):  # at 0.99, all vectors have arrived
        talk = case.play(TEXTS, fault("reset_mid_body", at=at))
        talk.fails()


def short(case: Case) -> None:
    """NET-03."""
    for step in (fault("truncate", at=0.5), fault("truncate", at=0.99), fault("malformed_chunk")):
        talk = case.play(TEXTS, step)
        talk.fails()
    # The JSON arrives whole but the last chunk does not: more data could have followed.
    raw = json.dumps(content([0.5, 0.25], [0.125, 1.0])).encode()
    with Origin(chunked([raw[:20], raw[20:]], end=b"")) as origin:
        talk = case.ask(TEXTS, origin, max_batch=2)
    talk.fails()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(raw) + 9}"
    with Origin(Bytes((head.encode() + b"\r\n\r\n" + raw,), closes=True)) as origin:
        talk = case.ask(TEXTS, origin, max_batch=2)
    talk.fails()


def silence(case: Case) -> None:
    """NET-04."""
    case.needs("timeout")
    _in_time(case.play(TEXTS, fault("hang"), timeout_ms=_TIMEOUT, limit=_LIMIT))


def drip(case: Case) -> None:
    """NET-05."""
    case.needs("timeout")
    # The first call of a young process is slow. It could time out before the headers came, and then
    # this check would hold for a client whose timeout ends with the headers.
    case.play(TEXTS)
    step = fault("drip", bytes_per_second=200)  # all of it takes some four seconds
    _in_time(case.play(TEXTS, step, timeout_ms=_TIMEOUT, limit=_LIMIT))


def _in_time(talk: Conversation) -> None:
    limit = _TIMEOUT / 1000 + _LATE
    if talk.said.seconds > limit:
        raise talk.departs(
            f"with a timeout of {_TIMEOUT} ms it must end within {limit:g} s, not after "
            f"{talk.said.seconds:.2f} s"
        )
    talk.fails("timeout")
    if talk.said.seconds < _TIMEOUT / 2000:
        raise talk.departs(
            f"with a timeout of {_TIMEOUT} ms it must not give up after {talk.said.seconds:.2f} s"
        )


def not_http(case: Case) -> None:
    """NET-06."""
    for name in ("garbage", "empty"):
        talk = case.play(TEXTS, fault(name))
        talk.fails("connection", "invalid_response")


def stale(case: Case) -> None:
    """NET-07."""
    steps = [fault("close_keep_alive", times=1)]
    calls = [(TEXTS, {"max_retries": 1}), (TEXTS, {"max_retries": 1})]
    first, second = case.series(calls, {"steps": steps})
    first.gives(case.true(TEXTS)[0])
    second.gives(case.true(TEXTS)[0])
    if not second.requests:
        raise NotExercised("the second call sent no request", second.evidence())
