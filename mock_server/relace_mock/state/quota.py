"""Rate limits: a number of requests in a fixed window, which the first counted request opens.

The functions are pure. Relace documents the three header fields, but not the form of the reset.
So that form is a setting (policy: seconds since 1970).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

from relace_mock.messages import Headers
from relace_mock.settings import ResetForm


class Limit(NamedTuple):
    """``requests`` in ``per`` seconds. With ``retry_after``, a 429 has a ``Retry-After`` field."""

    requests: int
    per: float
    retry_after: bool = False
    reset: ResetForm = "epoch"


class Spent(NamedTuple):
    """Requests counted in a window, which is open from ``since`` to ``ends`` (since 1970)."""

    since: float
    ends: float
    requests: int


class Quota(NamedTuple):
    """A limit after a request. ``exceeded`` says that this request was one too many."""

    limit: Limit
    remaining: int
    ends: float
    exceeded: bool


def charge(spent: Spent | None, limit: Limit, now: float, cost: int) -> tuple[Spent | None, Quota]:
    """Count ``cost`` requests, 0 or 1, if that many are left."""
    # A clock that was set back also opens a new window.
    if spent is not None and not spent.since <= now < spent.since + limit.per:
        spent = None
    if spent is None and cost == 0:
        return None, Quota(limit, limit.requests, now + limit.per, exceeded=False)
    spent = spent or Spent(now, now + limit.per, 0)
    left = limit.requests - spent.requests
    exceeded = cost > max(left, 0)  # `left` is negative if the limit was lowered
    if not exceeded:
        spent = Spent(spent.since, spent.since + limit.per, spent.requests + cost)
    remaining = max(limit.requests - spent.requests, 0)
    return spent, Quota(limit, remaining, spent.since + limit.per, exceeded)


def headers(quota: Quota, now: float) -> Headers:
    """The documented header fields, with ``Retry-After`` on a 429 if the limit asks for it."""
    fields = [
        (b"x-ratelimit-limit", b"%d" % quota.limit.requests),
        (b"x-ratelimit-remaining", b"%d" % quota.remaining),
        (b"x-ratelimit-reset", _reset(quota, now).encode()),
    ]
    if quota.exceeded and quota.limit.retry_after:
        fields.append((b"retry-after", b"%d" % _wait(quota, now)))
    return fields


def made_up(now: float, reset: ResetForm) -> Headers:
    """Header fields for a 429 without a quota: wait a minute (policy)."""
    return headers(Quota(Limit(3, 60.0, reset=reset), 0, now + 60, exceeded=True), now)


def _wait(quota: Quota, now: float) -> int:
    return max(math.ceil(quota.ends - now), 0)


def _reset(quota: Quota, now: float) -> str:
    match quota.limit.reset:
        case "seconds":
            return str(_wait(quota, now))
        case "iso":
            ends = datetime.fromtimestamp(math.ceil(quota.ends), UTC)
            return ends.isoformat().replace("+00:00", "Z")
        case _:
            return str(math.ceil(quota.ends))
