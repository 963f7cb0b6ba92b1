"""RL: rate-limit headers."""

from __future__ import annotations

from relace_contract.judgement import NotClaimed
from relace_contract.server.answers import depart, unclear
from relace_contract.server.pace import window_end
from relace_contract.server.reach import DOCUMENTED
from relace_contract.server.round_trip import Request, RoundTrip
from relace_contract.server.subject import JSON, Server

#: A server that has not mentioned a quota after the first number of requests is taken to have
#: none; one that has a quota must refuse within the second number.
_ENOUGH, _TOO_MANY = 100, 2000


def headers(server: Server) -> None:
    """RL-headers: provoke a 429, which ``watch`` judges."""
    _spend(server)


def window(server: Server) -> None:
    """RL-window."""
    previous: tuple[int, float, RoundTrip] | None = None
    trips = _spend(server)
    counted = [one for one in trips if one.header("x-ratelimit-remaining") is not None]
    if not counted:
        raise unclear("no answer has X-RateLimit-Remaining", trips[-1])
    for trip in counted:
        remaining = _remaining(trip)
        end = window_end(trip.header("x-ratelimit-reset"), trip.at)
        if end is None:
            raise unclear(
                "X-RateLimit-Reset is missing, or neither a time nor a number of seconds", trip
            )
        if previous is not None:
            before, ended, earlier = previous
            # Allow for a second at either end, because the reset may be rounded.
            if remaining > before and trip.at < ended - 1 and abs(end - ended) <= 1:
                raise depart(
                    f"X-RateLimit-Remaining rose from {before} to {remaining} within one window",
                    earlier,
                    trip,
                )
        previous = remaining, end, trip


def _remaining(trip: RoundTrip) -> int:
    text = trip.header("x-ratelimit-remaining") or ""
    try:
        remaining = int(text)
    except ValueError:
        raise depart(f"X-RateLimit-Remaining is {text!r}, not a number", trip) from None
    if remaining < 0:
        raise depart(f"X-RateLimit-Remaining is {remaining}, below 0", trip)
    return remaining


def _spend(server: Server) -> list[RoundTrip]:
    """Ask until a 429 comes, once in a run. Raises ``NotClaimed`` if there seems to be no quota."""
    if server.options.live:
        raise NotClaimed("the kit does not use up the quota of the live service")
    if not server.counted:
        server.counted = _until_refused(server)
    return server.counted


def _until_refused(server: Server) -> list[RoundTrip]:
    url = server.options.url + "/code/embed"
    request = Request("POST", url, (*server.authorization, *JSON), DOCUMENTED)
    trips: list[RoundTrip] = []
    while len(trips) < _TOO_MANY:
        trips.append(server.once(request))
        if trips[-1].status == 429:
            if len(trips) > 1 or not server.pace.after_429(trips[-1]):
                return trips
            trips = []  # other checks had spent the quota; start again with a whole window
            continue
        announced = trips[0].header("x-ratelimit-limit")
        if len(trips) >= _ENOUGH and announced is None and not server.options.claimed.quota:
            raise NotClaimed(f"no quota: no X-RateLimit header, and no 429 in {_ENOUGH} requests")
    raise unclear(f"no 429 in {_TOO_MANY} requests", trips[-1])
