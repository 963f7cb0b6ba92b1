"""AUTH, PREC and ENV-key: which Authorization headers are accepted, and how others are refused."""

from __future__ import annotations

import base64

from relace_contract.contract import RANK_NAMES_PATH, RANK_PATH
from relace_contract.judgement import NotClaimed
from relace_contract.server.answers import depart, expect, unclear
from relace_contract.server.reach import DOCUMENTED
from relace_contract.server.round_trip import Headers, RoundTrip
from relace_contract.server.subject import JSON, Server


def none(server: Server) -> None:
    """AUTH-none."""
    expect(_ask(server, ()), 401, what="no Authorization header")


def empty(server: Server) -> None:
    """AUTH-empty."""
    expect(_ask(server, _header("")), 401, what="an empty Authorization header")


def no_scheme(server: Server) -> None:
    """AUTH-no-scheme."""
    expect(_ask(server, _header(server.api_key)), 401, what="a key without a scheme")


def other_scheme(server: Server) -> None:
    """AUTH-other-scheme."""
    basic = _header("Basic dXNlcjpwYXNzd29yZA==")
    expect(_ask(server, basic), 401, what="the scheme Basic")
    expect(_ask(server, _header(f"Token {server.api_key}")), 401, what="the scheme Token")


def no_key(server: Server) -> None:
    """AUTH-no-key."""
    expect(_ask(server, _header("Bearer")), 401, what="a scheme without a key")


def scheme_case(server: Server) -> None:
    """AUTH-scheme-case."""
    for scheme in ("bearer", "BEARER"):
        trip = _ask(server, _header(f"{scheme} {server.api_key}"))
        expect(trip, 200, what=f"the scheme written as {scheme}")


def unknown_key(server: Server) -> None:
    """AUTH-unknown-key."""
    trip = _ask(server, _header(f"Bearer {server.bad_key}"))
    if trip.status == 200 and server.options.bad_key is None:
        raise NotClaimed(
            "the server accepts a made-up key, so it seems to know every key; if there is one "
            "that it does not know, give it with --bad-key"
        )
    expect(trip, 401, 404, what="a key that the server does not know")


def key_first(server: Server) -> None:
    """PREC-key-first."""
    without = server.ask(b'{"model": 1}', authorization=())
    # AUTH-none judges which status a missing key gets.
    if without.status != 401 and without.status != _ask(server, ()).status:
        raise depart(
            f"no key and a bad body: 401 expected, not {without.summary()}; check the key before "
            "the body",
            without,
        )
    unknown = _header(f"Bearer {server.bad_key}")
    good = _ask(server, unknown)
    bad = server.ask(b'{"model": 1}', authorization=unknown)
    if good.status in {401, 404} and bad.status != good.status:
        raise depart(
            f"an unknown key gets {good.status} with a good body, but {bad.summary()} with a "
            "bad one",
            good,
            bad,
        )


def key_not_repeated(server: Server) -> None:
    """ENV-key: provoke errors by keys in many places of a request; ``watch`` judges the errors.

    The user's key is sent only in the Authorization header: logs may keep what is sent elsewhere.
    """
    stray = server.stray_key
    basic = base64.b64encode(f"user:{stray}".encode()).decode()
    trips = [
        _ask(server, _header(value))
        for value in (
            f"Bearer {server.bad_key}",
            f"Bearer {stray} {stray}",
            f"Token {server.api_key}",
            server.api_key,
            f"Basic {basic}",
            f"Basic {stray}",
        )
    ]
    trips += [
        server.ask(DOCUMENTED, authorization=(), headers=(*JSON, (name, value)))
        for name, value in (
            ("X-Api-Key", stray),
            ("X-Relace-Api-Key", stray),
            ("Proxy-Authorization", f"Bearer {stray}"),
            ("Cookie", f"api_key={stray}"),
        )
    ]
    trips += [
        server.ask(b'{"model": 1, "api_key": "%s"}' % stray.encode()),
        server.ask(b'{"api_key": "%s", ' % stray.encode()),
        *(
            server.ask(DOCUMENTED, path=f"/code/embed?{name}={stray}", authorization=())
            for name in ("api_key", "apikey", "key", "token", "access_token")
        ),
        server.ask(DOCUMENTED, path=f"/code/embed/{stray}"),
        server.ask(method="GET", path=f"/code/embed?api_key={stray}"),
    ]
    for path in (RANK_PATH, RANK_NAMES_PATH):
        for body in (b"{}", b'{"query": 1, "api_key": "%s"}' % stray.encode()):
            trips += [
                server.ask(body, path=path),
                server.ask(body, path=path, authorization=_header(f"Bearer {server.bad_key}")),
                server.ask(body, path=f"{path}?api_key={stray}", authorization=()),
            ]
    if not any(trip.status >= 400 for trip in trips):
        raise unclear("there was no error", trips[0])


def _ask(server: Server, authorization: Headers) -> RoundTrip:
    return server.ask(DOCUMENTED, authorization=authorization)


def _header(value: str) -> Headers:
    return (("Authorization", value),)
