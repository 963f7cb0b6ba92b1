"""Rate limits: so many requests in a fixed window, which the first counted one opens.

Pure: (spent, limit, now) to (spent, state). The three header fields are documented; the
form of the reset is not, so it is a setting (policy: seconds since 1970).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from relace_mock.messages import Headers
from relace_mock.settings import ResetForm


@dataclass(frozen=True, slots=True)
class Limit:
    """``requests`` in ``per`` seconds; ``retry_after``: a 429 says how long to wait."""

    requests: int
    per: float
    retry_after: bool = False
    reset: ResetForm = "epoch"


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used of a window, which is open from ``since`` to ``ends`` (seconds of the clock)."""

    since: float
    ends: float
    requests: int


@dataclass(frozen=True, slots=True)
class Quota:
    """How a limit stands after a request: ``exceeded`` if that one was too many."""

    limit: Limit
    remaining: int
    ends: float
    exceeded: bool


def charge(spent: Spent | None, limit: Limit, now: float, cost: int) -> tuple[Spent | None, Quota]:
    """Spend ``cost`` requests, 0 or 1, if that many are left."""
    # A clock that was set back opens a new window, too.
    if spent is not None and not spent.since <= now < spent.since + limit.per:
        spent = None
    if spent is None and cost == 0:
        return None, Quota(limit, limit.requests, now + limit.per, exceeded=False)
    spent = spent or Spent(now, now + limit.per, 0)
    left = limit.requests - spent.requests
    exceeded = cost > max(left, 0)  # which is less than none if the limit was lowered
    if not exceeded:
        spent = Spent(spent.since, spent.since + limit.per, spent.requests + cost)
    remaining = max(limit.requests - spent.requests, 0)
    return spent, Quota(limit, remaining, spent.since + limit.per, exceeded)


def headers(quota: Quota, now: float) -> Headers:
    """The documented fields, each a string; ``Retry-After`` too where it is asked for."""
    fields = [
        (b"x-ratelimit-limit", b"%d" % quota.limit.requests),
        (b"x-ratelimit-remaining", b"%d" % quota.remaining),
        (b"x-ratelimit-reset", _reset(quota, now).encode()),
    ]
    if quota.exceeded and quota.limit.retry_after:
        fields.append((b"retry-after", b"%d" % _wait(quota, now)))
    return fields


def made_up(now: float, reset: ResetForm) -> Headers:
    """The fields of a 429 that no quota stands behind: a minute to wait (policy)."""
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
