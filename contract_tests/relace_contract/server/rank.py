"""RANK: the ranker, if the server has one. ``rank_bodies`` has the request bodies.

A server claims a path of the ranker if it answers a valid request there with a status other than
404, 405 or 501. Each of the two paths is claimed separately.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import orjson

from relace_contract import contract
from relace_contract.contract import RANK_NAMES_PATH, RANK_PATH
from relace_contract.counts import counted
from relace_contract.foreign_text import brief
from relace_contract.judgement import NotClaimed, Remark
from relace_contract.server.answers import depart, expect, unclear
from relace_contract.server.rank_bodies import (
    BAD_BODIES,
    EMPTY_BODIES,
    FILES,
    GOOD,
    MANY,
    OBSERVED,
)
from relace_contract.server.round_trip import Headers, RoundTrip
from relace_contract.server.subject import JSON, Server
from relace_contract.server.watch import ENVELOPE, envelope_fault

_UNCLAIMED = (404, 405, 501)
_PATHS = (RANK_PATH, RANK_NAMES_PATH)
_LIMITS = (1, 10, 30, 100, 1000)


def ask(
    server: Server,
    body: Any = GOOD,
    path: str = RANK_PATH,
    *,
    method: str = "POST",
    headers: Headers = (*JSON, ("Accept", "*/*")),
    authorization: Headers | None = None,
) -> RoundTrip:
    """Send a body, as JSON unless it is bytes. Raises ``NotClaimed`` if there is no ranker."""
    claim(server, path)
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return server.ask(
        content, method=method, path=path, headers=headers, authorization=authorization
    )


def claim(server: Server, path: str) -> None:
    """Raise ``NotClaimed`` unless the server claims to rank at this path."""
    if path not in server.probes:
        server.probes[path] = server.ask(orjson.dumps(GOOD), path=path)
    status = server.probes[path].status
    if status in _UNCLAIMED:
        raise NotClaimed(f"no ranker: POST {path} is answered with {status}")


def claimed(server: Server) -> list[str]:
    """The paths that the server claims. Raises ``NotClaimed`` if there is none."""
    paths = []
    for path in _PATHS:
        try:
            claim(server, path)
        except NotClaimed as reason:
            missing = reason
        else:
            paths.append(path)
    if not paths:
        raise missing
    return paths


def ranking(server: Server) -> list[str]:
    """The paths at which the server ranks a valid request: none, one or both."""
    with contextlib.suppress(NotClaimed):
        return [path for path in claimed(server) if server.probes[path].status == 200]
    return []


def _results(trip: RoundTrip) -> list[dict[str, Any]]:
    found = trip.results
    if trip.status != 200 or found is None or not all(isinstance(one, dict) for one in found):
        raise unclear(f"a 200 with `results` is needed, not {trip.summary()}", trip)
    return found


def _names(trip: RoundTrip) -> list[Any]:
    return [result.get("filename") for result in _results(trip)]


def _array(trip: RoundTrip) -> list[Any]:
    found = trip.json()
    if trip.status != 200 or not isinstance(found, list):
        raise unclear(f"a 200 with an array is needed, not {trip.summary()}", trip)
    return found


def _keep_to(trip: RoundTrip, schema: str) -> None:
    try:
        contract.validator(schema, documented=True).validate(trip.json())
    except jsonschema_rs.ValidationError as error:
        where = "/".join(map(str, error.instance_path)) or "the body"
        raise depart(f"{where}: {brief(error.message, 160)}", trip) from None


def answer(server: Server) -> None:
    """RANK-answer."""
    trip = expect(ask(server), 200, what="a ranking")
    _keep_to(trip, "RankResponse")
    if trip.results is None:
        raise depart("a 200 without `results`", trip)


def names(server: Server) -> None:
    """RANK-names."""
    trip = expect(ask(server, path=RANK_NAMES_PATH), 200, what="a ranking")
    _keep_to(trip, "RankedNames")
    _sent_only(trip, _array(trip))


def files(server: Server) -> None:
    """RANK-files."""
    trip = ask(server)
    _sent_only(trip, _names(trip))


def _sent_only(trip: RoundTrip, found: list[Any]) -> None:
    sent = Counter(file["filename"] for file in FILES)
    for name, count in Counter(map(str, found)).items():
        if count > sent[name]:
            many = (
                "a file that was not sent"
                if not sent[name]
                else f"{counted(count, 'result')} for one file"
            )
            raise depart(f"{many}: {brief(repr(name), 80)}", trip)


def whole(server: Server) -> None:
    """RANK-whole."""
    trip = ask(server)
    if len(_results(trip)) < len(FILES):
        raise depart(
            f"{counted(len(_results(trip)), 'result')} for {len(FILES)} files that all fit", trip
        )


def scores(server: Server) -> None:
    """RANK-scores."""
    trip = ask(server)
    for result in _results(trip):
        score: Any = result.get("score")
        if type(score) not in (int, float) or not math.isfinite(score) or not 0 <= score <= 1:
            raise depart(f"a score is {brief(repr(score), 40)}, not a number from 0 to 1", trip)


def order(server: Server) -> None:
    """RANK-order."""
    trip = ask(server)
    found: list[Any] = [result.get("score") for result in _results(trip)]
    if not all(type(score) in (int, float) for score in found):
        raise unclear("the scores are not numbers", trip)
    if found != sorted(found, reverse=True):
        raise depart(
            f"the results must come best first, not with the scores {brief(str(found), 80)}", trip
        )


def agree(server: Server) -> None:
    """RANK-agree."""
    scored, bare = ask(server), ask(server, path=RANK_NAMES_PATH)
    if _names(scored) != _array(bare):
        raise depart("the two paths put the same files into different orders", scored, bare)


def same(server: Server) -> None:
    """RANK-same."""
    claim(server, RANK_PATH)
    first, second = (server.ask(orjson.dumps(GOOD), path=RANK_PATH, fresh=True) for _ in range(2))
    if _results(first) != _results(second):
        raise depart("the same body got another ranking", first, second)


def limit(server: Server) -> None:
    """RANK-limit."""
    full = ask(server)
    ranked = _names(full)
    for tokens in _LIMITS:
        trip = ask(server, GOOD | {"token_limit": tokens})
        found = _names(trip)
        if tokens == 1 and len(found) == len(FILES):
            raise depart(f"all {len(found)} files were returned, although `token_limit` is 1", trip)
        if found != ranked[: len(found)]:
            raise depart(
                f"with `token_limit` {tokens}, the files are not those with the best scores: {found}",
                full,
                trip,
            )


def duplicates(server: Server) -> None:
    """RANK-duplicates."""
    twice = [file | {"filename": "same.py"} for file in FILES]
    trip = ask(server, GOOD | {"codebase": twice})
    if len(_results(trip)) != len(twice):
        raise depart(
            f"{counted(len(_results(trip)), 'result')} for {len(twice)} files of the same name",
            trip,
        )


def tokens(server: Server) -> None:
    """RANK-tokens."""
    trip = ask(server)
    _results(trip)
    if trip.tokens is None:
        raise depart("a 200 without usage.total_tokens", trip)


def many(server: Server) -> None:
    """RANK-many."""
    expect(ask(server, MANY), 200, 400, 413, 429, what="50 files of 20 kB")


def invalid(server: Server) -> None:
    """RANK-invalid."""
    for path in claimed(server):
        for what, body in BAD_BODIES.items():
            expect(ask(server, body, path), 400, what=what)


def empty(server: Server) -> None:
    """RANK-empty."""
    for path in claimed(server):
        for what, body in EMPTY_BODIES.items():
            expect(ask(server, body, path), 400, what=what)


def auth(server: Server) -> None:
    """RANK-auth."""
    for path in claimed(server):
        expect(ask(server, path=path, authorization=()), 401, what="no Authorization header")


def errors(server: Server) -> None:
    """RANK-errors."""
    for path in claimed(server):
        for trip in (
            ask(server, b"{", path),
            ask(server, {}, path),
            ask(server, path=path, authorization=()),
        ):
            if trip.status < 400:
                raise unclear(f"there was no error, but {trip.summary()}", trip)
            if fault := envelope_fault(trip):
                raise depart(fault, trip, cause=ENVELOPE)


def method(server: Server) -> None:
    """RANK-405."""
    for path in claimed(server):
        expect(ask(server, b"", path, method="GET"), 405, what=f"GET {path}")


def observed(server: Server) -> None:
    """RANK-observed."""
    trip = expect(ask(server, OBSERVED), 200, 400, what="`code` and no `token_limit`")
    if trip.status == 400:
        raise Remark("`code` without `token_limit` is refused, as documented")
    if len(_results(trip)) != len(FILES):
        raise depart(
            f"{counted(len(_results(trip)), 'result')} for {len(FILES)} files with `code`", trip
        )
    raise Remark("`code` without `token_limit` is answered, as observed")


CHECKS: dict[str, Callable[[Server], None]] = {
    "RANK-answer": answer,
    "RANK-files": files,
    "RANK-whole": whole,
    "RANK-scores": scores,
    "RANK-order": order,
    "RANK-names": names,
    "RANK-agree": agree,
    "RANK-same": same,
    "RANK-limit": limit,
    "RANK-duplicates": duplicates,
    "RANK-tokens": tokens,
    "RANK-many": many,
    "RANK-invalid": invalid,
    "RANK-empty": empty,
    "RANK-auth": auth,
    "RANK-errors": errors,
    "RANK-405": method,
    "RANK-observed": observed,
}
