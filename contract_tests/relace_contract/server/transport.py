"""METH, CONC, UNK, ACC, SIZE and KEEP: methods, headers, sizes and connections."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from relace_contract.counts import counted
from relace_contract.server.answers import depart, embedded, expect, results, unclear, vectors
from relace_contract.server.reach import DOCUMENTED, documented_example
from relace_contract.server.round_trip import Headers, RoundTrip
from relace_contract.server.subject import JSON, MODEL, Server
from relace_contract.server.watch import ENVELOPE, envelope_fault

_METHODS = ("GET", "PUT", "DELETE", "PATCH")
_REFUSALS = (400, 413, 429)


def _other_methods(server: Server) -> list[RoundTrip]:
    methods = _METHODS[:1] if server.options.live else _METHODS
    return [server.ask(method=method, headers=(("Accept", "*/*"),)) for method in methods]


def method_refused(server: Server) -> None:
    """METH-405."""
    for trip in _other_methods(server):
        expect(trip, 405, what=f"the method {trip.request.method}")


def allow(server: Server) -> None:
    """METH-allow."""
    for trip in _other_methods(server):
        if trip.status != 405:
            # `unclear` would fail the run, although METH-405 only warns about this.
            raise depart("there was no 405, so no Allow header either (see METH-405)", trip)
        allowed = [word.strip() for word in (trip.header("allow") or "").split(",")]
        if "POST" not in allowed:
            raise depart("a 405 whose Allow header does not name POST", trip)


def unknown_path(server: Server) -> None:
    """METH-404."""
    expect(_elsewhere(server), 404, what="a path that does not exist")


def envelope(server: Server) -> None:
    """METH-envelope."""
    for trip in [*_other_methods(server), _elsewhere(server)]:
        if trip.status < 400:
            raise depart("there was no error (see METH-405 and METH-404)", trip)
        if problem := envelope_fault(trip):
            raise depart(problem, trip, cause=ENVELOPE)


def _elsewhere(server: Server) -> RoundTrip:
    return server.ask(DOCUMENTED, path="/code/embed-this-is-no-path")


def parallel(server: Server) -> None:
    """CONC-parallel: each of 20 parallel requests gets the same vectors as when sent alone."""
    batches = [
        [f"request {number}, text {text}" for text in range(1 + number % 4)] for number in range(20)
    ]
    with ThreadPoolExecutor(len(batches)) as pool:
        together = list(pool.map(server.embed, batches))
    for batch, trip in zip(batches, together, strict=True):
        expect(trip, 200, what="one of 20 parallel requests")
        found = results(trip)
        if len(found) != len(batch):
            raise depart(
                f"{counted(len(found), 'result')} for {counted(len(batch), 'text')}, in parallel",
                trip,
            )
        alone, other = embedded(server, batch)
        rows = vectors(trip, len(batch))
        if rows.shape != alone.shape or not np.allclose(rows, alone, rtol=0, atol=1e-3):
            raise depart("in parallel a request got other vectors than alone", trip, other)


def unknown_fields(server: Server) -> None:
    """UNK-alike."""
    good = {"model": MODEL, "input": ["a"]}
    trips = [
        server.ask(json.dumps({**good, name: value}).encode())
        for name, value in (("user", "me"), ("dimensions", 8), ("x-y", None), ("user", "me"))
    ]
    for trip in trips:
        expect(trip, 200, 400, what="an unknown field")
        if trip.status != trips[0].status:
            raise depart(
                "unknown fields are sometimes accepted and sometimes refused", trips[0], trip
            )


def _accepting(headers: Headers) -> Callable[[Server], None]:
    def check(server: Server) -> None:
        trip = server.ask(DOCUMENTED, headers=(*JSON, *headers))
        what = f"Accept: {headers[0][1]}" if headers else "no Accept header"
        expect(trip, 200, what=what)
        if trip.json() is None or trip.media_type != "application/json":
            raise depart(f"{what}: the answer is not JSON", trip)

    return check


accept_any = _accepting((("Accept", "*/*"),))
accept_json = _accepting((("Accept", "application/json"),))
accept_nothing = _accepting(())


def many(server: Server) -> None:
    """SIZE-many."""
    trip = server.embed([f"text {number}" for number in range(1000)])
    if not trip.status:
        raise depart(f"1,000 texts got no answer: {trip.failure}", trip)
    expect(trip, 200, *_REFUSALS, what="1,000 texts")


def long(server: Server) -> None:
    """SIZE-long."""
    trip = server.embed(["x = 1\n" * 170_000])
    if not trip.status:
        raise depart(f"a text of 1 MB got no answer: {trip.failure}", trip)
    expect(trip, 200, *_REFUSALS, what="a text of 1 MB")


def kept(server: Server) -> None:
    """KEEP-100."""
    trips = [server.embed(["a"]) for _ in range(100)]
    for trip in trips:
        expect(trip, 200, what="one of 100 requests on one connection")
    _one_connection(trips, "100 requests that succeed")


def kept_after_refusal(server: Server) -> None:
    """KEEP-refused."""
    for body in (b"{", b"", b'{"model": 1}'):
        before = documented_example(server)
        refused = server.ask(body, fresh=True)
        after = server.embed(["after a refusal"], fresh=True)
        expect(after, 200, what="a good request after a refused one")
        _one_connection([before, refused, after], "a refusal between two requests")


def _one_connection(trips: list[RoundTrip], what: str) -> None:
    used = {trip.connection for trip in trips}
    if 0 in used:
        raise unclear("the connection of a request is unknown", trips[-1])
    # The first request may have used another: an idle connection that the server then closed.
    if len({trip.connection for trip in trips[1:]}) > 1:
        raise depart(f"{what} took {len(used)} connections instead of one", trips[-1])
