"""Requirements for every answer of a run, whichever check caused it.

Each function is one requirement: it takes a round trip and returns what is wrong with it, or None.
Only answers of the endpoint are judged; ``METH`` has checks of other paths and methods.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import orjson

from relace_contract import contract
from relace_contract.counts import counted
from relace_contract.foreign_text import brief
from relace_contract.server.round_trip import RoundTrip

# Signs of a server's internals in an error message: stack traces, and paths of files.
_TRACE = re.compile(
    r"Traceback \(most recent|\.(?:py|js|ts|go|rs|java|rb)\"?[:,(]? ?(?:line )?\d+"
    r"|\bat [\w.$<>]+ ?\(.*:\d+"
    r"|(?:^|[\s\"'(=])(?:/(?:usr|home|opt|var|app|root|srv|etc|tmp|src)/[\w.-]+|[A-Z]:\\\\?\w+)"
)


def status(trip: RoundTrip) -> str | None:
    """SCHEMA-status."""
    if str(trip.status) in contract.responses():
        return None
    declared = ", ".join(contract.responses())
    return f"status {trip.status} is not one of {declared}"


def media_type(trip: RoundTrip) -> str | None:
    """SCHEMA-type."""
    if trip.media_type == "application/json":
        return None
    return f"content type {trip.header('content-type')!r} is not application/json"


def headers(trip: RoundTrip) -> str | None:
    """SCHEMA-headers."""
    declared = contract.responses().get(str(trip.status), {}).get("headers", {})
    missing = [name for name in declared if trip.header(name) is None]
    return f"a {trip.status} without {', '.join(missing)}" if missing else None


def documented_body(trip: RoundTrip) -> str | None:
    """SCHEMA-body."""
    return _body_fault(trip, documented=True)


def whole_body(trip: RoundTrip) -> str | None:
    """SCHEMA-strict."""
    if trip.status != 200 or documented_body(trip):
        return None
    return _body_fault(trip, documented=False)


def _body_fault(trip: RoundTrip, *, documented: bool) -> str | None:
    response = contract.responses().get(str(trip.status))
    if response is None or trip.status >= 400:
        return None  # SCHEMA-status and ENV-shape judge these
    body = trip.json()
    if body is None and trip.body.strip() != b"null":
        return f"the body of a {trip.status} is not JSON"
    schema = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    try:
        contract.validator(schema, documented=documented).validate(body)
    except jsonschema_rs.ValidationError as error:
        where = "/".join(map(str, error.instance_path)) or "the body"
        return f"{where}: {brief(error.message, 160)}"
    return None


def envelope(trip: RoundTrip) -> str | None:
    """ENV-shape."""
    return envelope_fault(trip) if trip.status >= 400 else None


def envelope_fault(trip: RoundTrip) -> str | None:
    """Why an answer is not ``{"error": "<message>"}``; None if it is."""
    body = trip.json()
    if not isinstance(body, dict):
        return f"the body of a {trip.status} is not a JSON object"
    message = body.get("error")
    if not isinstance(message, str):
        return f"`error` of a {trip.status} is {'missing' if message is None else 'not a string'}"
    return None if message.strip() else f"`error` of a {trip.status} is empty"


def no_insides(trip: RoundTrip) -> str | None:
    """ENV-clean."""
    if trip.status < 400:
        return None
    found = _TRACE.search(trip.body.decode(errors="replace"))
    return (
        f"the error shows a stack trace or a path of the server: {found[0].strip()!r}"
        if found
        else None
    )


def hidden_key(trip: RoundTrip) -> str | None:
    """ENV-key."""
    if not trip.repeats_key:
        return None
    return f"the error repeats the API key that it was sent, in {trip.repeats_key}"


def one_result_each(trip: RoundTrip) -> str | None:
    """BIJ-count."""
    found, texts = trip.results, _texts(trip.request.body) if trip.status == 200 else None
    if found is None or texts is None or len(found) == len(texts):
        return None
    return f"{counted(len(found), 'result')} for {counted(len(texts), 'text')}"


def _texts(body: bytes) -> list[str] | None:
    """The texts of a valid body; None if the texts are invalid or ambiguous."""
    asked = _parsed(body)
    texts = asked.get("input") if isinstance(asked, dict) else None
    twice = body.count(b'"input"') > 1  # a server may take either
    if twice or not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        return None
    return texts


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def rate_limit_headers(trip: RoundTrip) -> str | None:
    """RL-headers."""
    if trip.status != 429:
        return None
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    missing = [name for name in names if not trip.header(name)]
    return f"a 429 without {', '.join(missing)}" if missing else None


WATCHES: dict[str, Callable[[RoundTrip], str | None]] = {
    "SCHEMA-status": status,
    "SCHEMA-type": media_type,
    "SCHEMA-headers": headers,
    "SCHEMA-body": documented_body,
    "SCHEMA-strict": whole_body,
    "ENV-shape": envelope,
    "ENV-clean": no_insides,
    "ENV-key": hidden_key,
    "BIJ-count": one_result_each,
    "RL-headers": rate_limit_headers,
}


#: The cause shared by all findings about the form of errors: one fault breaks many requirements.
ENVELOPE = 'errors are not {"error": "<message>"}'


def cause(identity: str, trip: RoundTrip) -> str:
    """The cause to report a departure under; empty if that is its own problem."""
    if identity == "ENV-shape":
        return ENVELOPE
    if identity == "SCHEMA-status" and 400 <= trip.status < 500:
        return wrong_status(trip.status, 400 if trip.authorized else 401)
    if identity == "BIJ-count":
        sent = len(_texts(trip.request.body) or ())
        which = "fewer" if len(trip.results or ()) < sent else "more"
        return f"{which} results than texts"
    return ""


def wrong_status(found: int, asked: int) -> str:
    """The cause shared by all findings with this wrong status instead of that right one."""
    return f"{found} where the contract says {asked}"


def _dtype(body: bytes) -> str:
    asked = _parsed(body)  # None for a body that is not JSON; NEG reports that it got a 200
    return str(asked.get("output_dtype", "float")) if isinstance(asked, dict) else "?"


class Dimensions:
    """DIM-one: remembers the lengths of all vectors, by dtype."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, RoundTrip]] = {}

    def look(self, trip: RoundTrip) -> tuple[str, RoundTrip] | None:
        """What is wrong with a 200, and the earlier round trip that it contradicts."""
        body = trip.json()
        dtype = _dtype(trip.request.body)
        results = body.get("results") if isinstance(body, dict) else None
        for result in results if isinstance(results, list) else ():
            vector = result.get("embedding") if isinstance(result, dict) else None
            if isinstance(vector, list):
                length, earlier = self._seen.setdefault(dtype, (len(vector), trip))
                if len(vector) != length:
                    return f"{dtype} vectors of {length} and of {len(vector)} numbers", earlier
        return None
