"""METH, CONC, UNK, ACC, SIZE and KEEP: manners that are not about the vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from relace_contract.server.answers import depart, embedded, expect, results, unclear, vectors
from relace_contract.server.exchange import Exchange, Headers
from relace_contract.server.reach import DOCUMENTED, documented_example
from relace_contract.server.subject import JSON, MODEL, Server
from relace_contract.server.watch import envelope_fault

_METHODS = ("GET", "PUT", "DELETE", "PATCH")
_REFUSALS = (400, 413, 429)


def _other_methods(server: Server) -> list[Exchange]:
    methods = _METHODS[:1] if server.settings.live else _METHODS
    return [server.ask(method=method, headers=(("Accept", "*/*"),)) for method in methods]


def method_refused(server: Server) -> None:
    """METH-405."""
    for exchange in _other_methods(server):
        expect(exchange, 405, what=f"the method {exchange.request.method}")


def allow(server: Server) -> None:
    """METH-allow."""
    for exchange in _other_methods(server):
        if exchange.status != 405:
            # No `unclear`, which would fail the run for what METH-405 only warns of.
            raise depart("no 405, and so no Allow header (see METH-405)", exchange)
        allowed = [word.strip() for word in (exchange.header("allow") or "").split(",")]
        if "POST" not in allowed:
            raise depart("a 405 whose Allow header does not name POST", exchange)


def unknown_path(server: Server) -> None:
    """METH-404."""
    expect(_elsewhere(server), 404, what="a path that does not exist")


def envelope(server: Server) -> None:
    """METH-envelope."""
    for exchange in [*_other_methods(server), _elsewhere(server)]:
        if exchange.status < 400:
            raise depart("no error (see METH-405 and METH-404)", exchange)
        if problem := envelope_fault(exchange):
            raise depart(problem, exchange)


def _elsewhere(server: Server) -> Exchange:
    return server.ask(DOCUMENTED, path="/code/embed-this-is-no-path")


def parallel(server: Server) -> None:
    """CONC-parallel: the answer to each of 20 is about its own texts, as if it came alone."""
    batches = [
        [f"request {number}, text {text}" for text in range(1 + number % 4)] for number in range(20)
    ]
    with ThreadPoolExecutor(len(batches)) as pool:
        together = list(pool.map(server.embed, batches))
    for batch, exchange in zip(batches, together, strict=True):
        expect(exchange, 200, what="one of 20 requests at a time")
        found = results(exchange)
        if len(found) != len(batch):
            raise depart(f"{len(found)} results for {len(batch)} texts, in parallel", exchange)
        alone, other = embedded(server, batch)
        rows = vectors(exchange, len(batch))
        if rows.shape != alone.shape or not np.allclose(rows, alone, rtol=0, atol=1e-3):
            raise depart("in parallel a request got other vectors than alone", exchange, other)


def unknown_fields(server: Server) -> None:
    """UNK-alike."""
    good = {"model": MODEL, "input": ["a"]}
    exchanges = [
        server.ask(json.dumps({**good, name: value}).encode())
        for name, value in (("user", "me"), ("dimensions", 8), ("x-y", None), ("user", "me"))
    ]
    for exchange in exchanges:
        expect(exchange, 200, 400, what="an unknown field")
        if exchange.status != exchanges[0].status:
            raise depart("unknown fields are now accepted, now refused", exchanges[0], exchange)


def _accepting(headers: Headers) -> Callable[[Server], None]:
    def check(server: Server) -> None:
        exchange = server.ask(DOCUMENTED, headers=(*JSON, *headers))
        what = f"Accept: {headers[0][1]}" if headers else "no Accept header"
        expect(exchange, 200, what=what)
        if exchange.json() is None or exchange.media_type != "application/json":
            raise depart(f"{what}: the answer is not JSON", exchange)

    return check


accept_any = _accepting((("Accept", "*/*"),))
accept_json = _accepting((("Accept", "application/json"),))
accept_nothing = _accepting(())


def many(server: Server) -> None:
    """SIZE-many."""
    exchange = server.embed([f"text {number}" for number in range(1000)])
    if not exchange.status:
        raise depart(f"1,000 texts: no answer, but {exchange.failure}", exchange)
    expect(exchange, 200, *_REFUSALS, what="1,000 texts")
    if exchange.status == 200 and len(results(exchange)) != 1000:
        raise depart(f"{len(results(exchange))} results for 1,000 texts", exchange)


def long(server: Server) -> None:
    """SIZE-long."""
    exchange = server.embed(["x = 1\n" * 170_000])
    if not exchange.status:
        raise depart(f"a text of 1 MB: no answer, but {exchange.failure}", exchange)
    expect(exchange, 200, *_REFUSALS, what="a text of 1 MB")


def kept(server: Server) -> None:
    """KEEP-100."""
    exchanges = [server.embed(["a"]) for _ in range(100)]
    for exchange in exchanges:
        expect(exchange, 200, what="one of 100 requests on one connection")
    _one_connection(exchanges, "100 requests that succeed")


def kept_after_refusal(server: Server) -> None:
    """KEEP-refused."""
    for body in (b"{", b"", b'{"model": 1}'):
        before = documented_example(server)
        refused = server.ask(body, fresh=True)
        after = server.embed(["after a refusal"], fresh=True)
        expect(after, 200, what="a good request after a refused one")
        _one_connection([before, refused, after], "a refusal between two requests")


def _one_connection(exchanges: list[Exchange], what: str) -> None:
    used = {exchange.connection for exchange in exchanges}
    if 0 in used:
        raise unclear("it cannot be seen which connection was used", exchanges[-1])
    # One more may be: the first may have found an idle one just as it was closed.
    if len({exchange.connection for exchange in exchanges[1:]}) > 1:
        raise depart(f"{what} took {len(used)} connections instead of one", exchanges[-1])
