"""The refusals that the contract knows. A refusal is an answer, not an exception.

::

    Refusal
    ├── 400  invalid_json           the body is not JSON
    │        invalid_request        it is, but not what the endpoint takes
    │        unknown_scenario       the request asks for one that there is not
    ├── 401  authorization_required no usable Authorization header
    │        unknown_key            with ``--unknown-key-status 401``
    ├── 404  route_not_found
    │        unknown_key            a key outside the list given with ``--api-key``
    ├── 405  method_not_allowed
    ├── 413  body_too_large, too_many_inputs
    ├── 415  unsupported_media_type
    ├── 429  rate_limited           the quota is spent
    └── 500  out_of_room            no state can be kept for another key

``example`` names the documented message, in ``openapi.yaml``, that is true of the refusal;
``detail`` follows it. Without one the detail is the whole message. A detail never repeats
what was sent as a key. What is not ``scriptable`` no scenario sees.
"""

from __future__ import annotations

from dataclasses import dataclass

from relace_mock.messages import Headers


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets no vectors."""

    status: int
    detail: str
    example: str | None = None
    headers: Headers = ()
    scriptable: bool = True


def invalid_json(detail: str) -> Refusal:
    """Refuse a body that is not JSON."""
    return Refusal(400, detail, "invalid_json")


def invalid_request(detail: str) -> Refusal:
    """Refuse JSON that is not what the endpoint takes."""
    return Refusal(400, detail)


def unknown_scenario(detail: str) -> Refusal:
    """Refuse a wish for a scenario that there is not."""
    return Refusal(400, detail, scriptable=False)


def authorization_required(detail: str) -> Refusal:
    """Refuse a request without a usable Authorization header."""
    return Refusal(401, detail, "authorization_required", ((b"www-authenticate", b"Bearer"),))


def unknown_key(status: int) -> Refusal:
    """Refuse a key: a 404 in one place of the documentation, a 401 in another."""
    if status == 401:
        return Refusal(401, "API key not known", headers=((b"www-authenticate", b"Bearer"),))
    return Refusal(404, "", "api_key_not_found")


def route_not_found(detail: str) -> Refusal:
    """Refuse another path."""
    return Refusal(404, detail, "route_not_found", scriptable=False)


def method_not_allowed(method: str, allowed: str) -> Refusal:
    """Refuse another method (RFC 9110 section 15.5.6: with what is allowed)."""
    return Refusal(
        405,
        f"{method[:20]} is not allowed here: use {allowed}",
        headers=((b"allow", allowed.encode()),),
        scriptable=False,
    )


def body_too_large(length: int, limit: int) -> Refusal:
    """Refuse a body for its size."""
    return Refusal(
        413,
        f"The body has {length} bytes or more; this server takes {limit} (--max-body)",
        scriptable=False,
    )


def too_many_inputs(count: int, limit: int) -> Refusal:
    """Refuse a batch for its size."""
    return Refusal(
        413,
        f"input has {count} texts; this server takes {limit} in a request (--max-inputs)",
        scriptable=False,
    )


def rate_limited(requests: int, per: float) -> Refusal:
    """Refuse a request over the quota."""
    detail = f"{requests} requests in {per:g} seconds are allowed"
    return Refusal(429, detail, "rate_limit_exceeded")


def unsupported_media_type(detail: str) -> Refusal:
    """Refuse a body that does not say that it is JSON."""
    return Refusal(415, detail)


def out_of_room(limit: int) -> Refusal:
    """Refuse a request with a new key, because tests rely on the state of every key there is."""
    return Refusal(
        500,
        f"relace-mock keeps the state of {limit} keys, and tests rely on each of them: give the "
        "server a larger --max-namespaces, or reset the keys that are no longer used",
        scriptable=False,
    )
