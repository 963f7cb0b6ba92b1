"""REACH: whether an embed endpoint answers at the URL; asked before everything else."""

from __future__ import annotations

import json
import threading

from relace_contract import contract
from relace_contract.judgement import CannotRun
from relace_contract.server import tls
from relace_contract.server.answers import depart
from relace_contract.server.round_trip import RoundTrip
from relace_contract.server.subject import Server

DOCUMENTED = json.dumps(contract.example()).encode()


def documented_example(server: Server) -> RoundTrip:
    """The answer to the documented request."""
    return server.ask(DOCUMENTED)


def reached(server: Server) -> None:
    """REACH-200: the documented request gets a 200 with results."""
    trip = documented_example(server)
    body = trip.json()
    if trip.status != 200:
        raise depart(f"200 expected, not {trip.summary()}", trip)
    if not isinstance(body, dict) or "results" not in body:
        raise depart("a 200 without `results`", trip)


def probe(server: Server, deadline: float) -> bool:
    """Send one request; return False if the answer is clearly not from an embed endpoint.

    Raises ``CannotRun`` if nothing answers, or the key is refused.
    """
    trip = _within(server, deadline)
    url = trip.request.url
    if not trip.status:
        advice = tls.hint(trip.failure, server.options.cacert) or "is a server running there?"
        raise CannotRun(f"{url} does not answer: {trip.failure}; {advice}")
    body = trip.json()
    named = isinstance(body, dict) and isinstance(body.get("error"), str)
    if trip.status in {401, 403, 404} and named and _about_the_key(trip):
        hint = "is the key right?" if server.options.api_key else "give one with --api-key"
        raise CannotRun(f"{url} does not know the API key: {trip.summary()}; {hint}")
    if trip.status == 200:
        return isinstance(body, dict) and "results" in body
    return named and trip.status != 404  # an error in the documented form


def _about_the_key(trip: RoundTrip) -> bool:
    """Whether another key might help: a 404 may also mean that there is no such route."""
    return trip.status != 404 or "key" in trip.summary().lower()


def _within(server: Server, deadline: float) -> RoundTrip:
    answered: list[RoundTrip | BaseException] = []

    def ask() -> None:
        try:
            answered.append(documented_example(server))
        except Exception as error:  # noqa: BLE001 - raised again below
            answered.append(error)

    thread = threading.Thread(target=ask, name="probe", daemon=True)
    thread.start()
    waited = 0.0
    while thread.is_alive() and waited < deadline + server.waited:
        thread.join(0.1)
        waited += 0.1
    match answered:
        case [RoundTrip() as trip]:
            return trip
        case [BaseException() as error]:
            raise CannotRun(str(error)) from None
        case _:
            server.abandon(thread)
            raise CannotRun(
                f"{server.options.url} did not finish an answer within {deadline:g} seconds"
            )
