"""Default error answers of web frameworks, and how to make these keep the contract."""

from __future__ import annotations

import re
from collections.abc import Callable

from relace_contract.server.round_trip import RoundTrip

_ENVELOPE = '{"error": "<message>"}'


def _validation(trip: RoundTrip) -> bool:
    body = trip.json()
    return trip.status == 422 and isinstance(body, dict) and isinstance(body.get("detail"), list)


def _detail(trip: RoundTrip) -> bool:
    body = trip.json()
    return trip.status >= 400 and isinstance(body, dict) and isinstance(body.get("detail"), str)


def _plain(trip: RoundTrip) -> bool:
    words = {b"Not Found", b"Method Not Allowed", b"Internal Server Error", b"Bad Request"}
    return trip.media_type == "text/plain" and trip.body in words


def _html(pattern: bytes) -> Callable[[RoundTrip], bool]:
    compiled = re.compile(pattern)
    return lambda trip: trip.status >= 400 and bool(compiled.search(trip.body[:2000]))


#: A test that recognises a framework by its answer, and the remedy for it.
_HABITS: dict[Callable[[RoundTrip], bool], str] = {
    _validation: 'FastAPI refuses invalid bodies with 422 and {"detail": […]}: add an '
    f"exception handler for RequestValidationError that answers 400 with {_ENVELOPE}",
    _detail: 'FastAPI answers an HTTPException, its own 404 and 405 too, with {"detail": …}: add '
    f"an exception handler for starlette.exceptions.HTTPException that answers with {_ENVELOPE}",
    _plain: "Starlette answers its own errors as plain text: add exception handlers for "
    f"starlette.exceptions.HTTPException and for Exception that answer with {_ENVELOPE}",
    _html(
        rb"<title>Error</title>[\s\S]*<pre>"
    ): "Express answers its own errors as HTML: add, after "
    "all routes, a handler for unknown paths and one with four parameters (err, req, res, next) "
    f"that answer with {_ENVELOPE}",
    _html(rb"<!doctype html>\s*<html lang=en>\s*<title>\d{3} "): "Flask answers its own errors as "
    "HTML: register an app.errorhandler for werkzeug.exceptions.HTTPException that answers with "
    f"{_ENVELOPE}",
}


def remedy(*trips: RoundTrip) -> str:
    """The remedy for the last answer if it is the default of a known framework; else empty."""
    return next((said for fits, said in _HABITS.items() for trip in trips[-1:] if fits(trip)), "")
