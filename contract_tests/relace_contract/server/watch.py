"""What every answer of a run is held to, whichever check asked for it.

Each function is one requirement: it takes an exchange and says what is wrong with it, or
nothing. Only answers of the endpoint are judged; other paths and methods have ``METH``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import jsonschema_rs
import orjson

from relace_contract import contract
from relace_contract.server.exchange import Exchange

# What a server's insides look like when they leak into a message.
_TRACE = re.compile(
    r"Traceback \(most recent|\.(?:py|js|ts|go|rs|java|rb)\"?[:,(]? ?(?:line )?\d+"
    r"|\bat [\w.$<>]+ ?\(.*:\d+"
    r"|(?:^|[\s\"'(=])(?:/(?:usr|home|opt|var|app|root|srv|etc|tmp|src)/[\w.-]+|[A-Z]:\\\\?\w+)"
)


def status(exchange: Exchange) -> str | None:
    """SCHEMA-status."""
    if str(exchange.status) in contract.responses():
        return None
    declared = ", ".join(contract.responses())
    return f"status {exchange.status} is not one of {declared}"


def media_type(exchange: Exchange) -> str | None:
    """SCHEMA-type."""
    if exchange.media_type == "application/json":
        return None
    return f"content type {exchange.header('content-type')!r} is not application/json"


def headers(exchange: Exchange) -> str | None:
    """SCHEMA-headers."""
    declared = contract.responses().get(str(exchange.status), {}).get("headers", {})
    missing = [name for name in declared if exchange.header(name) is None]
    return f"a {exchange.status} without {', '.join(missing)}" if missing else None


def documented_body(exchange: Exchange) -> str | None:
    """SCHEMA-body."""
    return _body_fault(exchange, documented=True)


def whole_body(exchange: Exchange) -> str | None:
    """SCHEMA-strict."""
    if exchange.status != 200 or documented_body(exchange):
        return None
    return _body_fault(exchange, documented=False)


def _body_fault(exchange: Exchange, *, documented: bool) -> str | None:
    response = contract.responses().get(str(exchange.status))
    if response is None or exchange.status >= 400:
        return None  # SCHEMA-status and ENV-shape say so
    body = exchange.json()
    if body is None and exchange.body.strip() != b"null":
        return f"the body of a {exchange.status} is not JSON"
    schema = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    try:
        contract.validator(schema, documented=documented).validate(body)
    except jsonschema_rs.ValidationError as error:
        where = "/".join(map(str, error.instance_path)) or "the body"
        return f"{where}: {_cut(error.message)}"
    return None


def envelope(exchange: Exchange) -> str | None:
    """ENV-shape."""
    return envelope_fault(exchange) if exchange.status >= 400 else None


def envelope_fault(exchange: Exchange) -> str | None:
    """What keeps an answer from being ``{"error": "<message>"}``."""
    body = exchange.json()
    if not isinstance(body, dict):
        return f"the body of a {exchange.status} is not a JSON object"
    message = body.get("error")
    if not isinstance(message, str):
        return f"`error` of a {exchange.status} is {'missing' if message is None else 'no string'}"
    return None if message.strip() else f"`error` of a {exchange.status} is empty"


def no_insides(exchange: Exchange) -> str | None:
    """ENV-clean."""
    if exchange.status < 400:
        return None
    found = _TRACE.search(exchange.body.decode(errors="replace"))
    return f"the error shows the server's insides: {found[0].strip()!r}" if found else None


def rate_limit_headers(exchange: Exchange) -> str | None:
    """RL-headers."""
    if exchange.status != 429:
        return None
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    missing = [name for name in names if not exchange.header(name)]
    return f"a 429 without {', '.join(missing)}" if missing else None


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:80] + " … " + text[-70:]


WATCHES: dict[str, Callable[[Exchange], str | None]] = {
    "SCHEMA-status": status,
    "SCHEMA-type": media_type,
    "SCHEMA-headers": headers,
    "SCHEMA-body": documented_body,
    "SCHEMA-strict": whole_body,
    "ENV-shape": envelope,
    "ENV-clean": no_insides,
    "RL-headers": rate_limit_headers,
}


def _dtype(body: bytes) -> str:
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "?"  # which should not have been answered, but that is for NEG to say
    return str(asked.get("output_dtype", "float")) if isinstance(asked, dict) else "?"


class Dimensions:
    """DIM-one: remembers the lengths of all vectors, by dtype."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, Exchange]] = {}

    def look(self, exchange: Exchange) -> tuple[str, Exchange] | None:
        """What is wrong with a 200, and the earlier exchange that it contradicts."""
        body = exchange.json()
        dtype = _dtype(exchange.request.body)
        results = body.get("results") if isinstance(body, dict) else None
        for result in results if isinstance(results, list) else ():
            vector = result.get("embedding") if isinstance(result, dict) else None
            if isinstance(vector, list):
                length, earlier = self._seen.setdefault(dtype, (len(vector), exchange))
                if len(vector) != length:
                    return f"{dtype} vectors of {length} and of {len(vector)} numbers", earlier
        return None
