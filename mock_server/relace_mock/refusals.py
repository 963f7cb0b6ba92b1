"""The refusals of the contract. A refusal is a value that becomes a response, not an exception.

::

    Refusal
    ├── 400  invalid_json           the body is not JSON
    │        invalid_request        the body is JSON, but breaks the contract
    │        unknown_scenario       the request names a scenario that does not exist
    ├── 401  authorization_required no usable Authorization header
    │        unknown_key            with ``--unknown-key-status 401``
    ├── 404  route_not_found
    │        unknown_key            a key outside the list given with ``--api-key``
    ├── 405  method_not_allowed
    ├── 413  body_too_large, too_many, too_many_values
    ├── 415  unsupported_media_type
    ├── 429  rate_limited           the quota is spent
    └── 500  out_of_room            no state can be kept for another key
             origin_failed          the upstream gave no answer, or a wrong one
             store_failed           the shared store cannot be used now

``example`` is the name of a documented message in ``openapi.yaml``; the response has this message,
then ``detail``. Without an example, the detail is the whole message. A detail never repeats a key.
No scenario sees a refusal that is not ``scriptable``.
"""

from __future__ import annotations

from typing import NamedTuple

from relace_mock.counts import counted
from relace_mock.messages import Headers

_LONGEST_METHOD = 20


class Refusal(NamedTuple):
    """The reason why a request gets no results, as an error response."""

    status: int
    detail: str
    example: str | None = None
    headers: Headers = ()
    scriptable: bool = True


def invalid_json(detail: str) -> Refusal:
    """Refuse a body that is not JSON."""
    return Refusal(400, detail, "invalid_json")


def invalid_request(detail: str) -> Refusal:
    """Refuse a JSON body that breaks the contract."""
    return Refusal(400, detail)


def unknown_scenario(detail: str) -> Refusal:
    """Refuse a request that names a scenario that does not exist."""
    return Refusal(400, detail, scriptable=False)


def authorization_required(detail: str) -> Refusal:
    """Refuse a request without a usable Authorization header."""
    return Refusal(401, detail, "authorization_required", ((b"www-authenticate", b"Bearer"),))


def unknown_key(status: int) -> Refusal:
    """Refuse a key that is not accepted. Relace documents a 404 in one place, a 401 in another."""
    if status == 401:
        return Refusal(401, "API key not known", headers=((b"www-authenticate", b"Bearer"),))
    return Refusal(404, "", "api_key_not_found")


def route_not_found(detail: str) -> Refusal:
    """Refuse a path that is no endpoint's."""
    return Refusal(404, detail, "route_not_found", scriptable=False)


def method_not_allowed(method: str, allowed: str) -> Refusal:
    """Refuse a method, and name the allowed ones in ``Allow`` (RFC 9110 section 15.5.6)."""
    return Refusal(
        405,
        f"{method_shown(method)} is not allowed here: use {allowed}",
        headers=((b"allow", allowed.encode()),),
        scriptable=False,
    )


def method_shown(method: str) -> str:
    """A method in a message. A long one is left out: its beginning could be a part of a key."""
    return method if len(method) <= _LONGEST_METHOD else "this method"


def body_too_large(length: int, limit: int) -> Refusal:
    """Refuse a body that is larger than ``limit`` bytes."""
    return Refusal(
        413,
        f"The body has at least {length} bytes, but this server accepts at most {limit} "
        "(--max-body)",
        scriptable=False,
    )


def too_many(subject: str, noun: str, count: int, limit: int) -> Refusal:
    """Refuse a request with more than ``limit`` texts or files: "input has 3000 texts"."""
    return Refusal(
        413,
        f"{subject} {count} {noun}, but this server accepts at most {limit} in a request "
        "(--max-inputs)",
        scriptable=False,
    )


def too_many_values(limit: int) -> Refusal:
    """Refuse a body with more than ``limit`` JSON values, wherever they are."""
    return Refusal(
        413,
        f"The body has more than {limit} JSON values, more than a request within --max-inputs "
        "needs: send fewer texts or files, or raise --max-inputs",
        scriptable=False,
    )


def rate_limited(requests: int, per: float) -> Refusal:
    """Refuse a request over the quota. ``per`` is the length of the window in seconds."""
    allowed = "is allowed" if requests == 1 else "are allowed"
    detail = f"{counted(requests, 'request')} in {counted(per, 'second')} {allowed}"
    return Refusal(429, detail, "rate_limit_exceeded")


def unsupported_media_type(detail: str) -> Refusal:
    """Refuse a body that the headers do not declare as plain JSON."""
    return Refusal(415, detail)


def out_of_room(limit: int) -> Refusal:
    """Refuse a request with a new key, because the state of every stored key is in use."""
    return Refusal(
        500,
        f"relace-mock keeps the state of at most {counted(limit, 'key')}, and the state of each is in use: "
        "start the server with a larger --max-namespaces, or reset keys that are no longer used",
        scriptable=False,
    )


def origin_failed(detail: str) -> Refusal:
    """Refuse a request because the upstream gave no answer, or one that breaks the contract."""
    return Refusal(500, detail, "origin_error", scriptable=False)


def store_failed(problem: str) -> Refusal:
    """Refuse a request because the shared store cannot be used now."""
    return Refusal(500, f"relace-mock: {problem}", scriptable=False)
