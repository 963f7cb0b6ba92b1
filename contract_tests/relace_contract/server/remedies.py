"""Default error answers of web frameworks, and how to make these keep the contract."""

from __future__ import annotations

import http
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from relace_contract.server.round_trip import RoundTrip

_ENVELOPE = '{"error": "<message>"}'


def _detail(trip: RoundTrip) -> Any:
    body = trip.json()
    return body.get("detail") if trip.status >= 400 and isinstance(body, dict) else None


def _validation(trip: RoundTrip) -> bool:
    return trip.status == 422 and isinstance(_detail(trip), list)


def _by_django_rest(trip: RoundTrip) -> bool:
    return isinstance(_detail(trip), str) and bool(_DJANGO_REST.match(_detail(trip)))


def _plain(pattern: str) -> Callable[[RoundTrip], bool]:
    """A test for a plain text; ``{phrase}`` stands for the standard phrase of the status."""

    def fits(trip: RoundTrip) -> bool:
        phrase = http.HTTPStatus(trip.status).phrase if trip.status in _STATUSES else "(?!)"
        wanted = pattern.format(status=trip.status, phrase=phrase)
        text = trip.body[:200].decode("latin-1")
        plain = trip.status >= 400 and trip.media_type == "text/plain"
        return plain and bool(re.fullmatch(wanted, text, re.ASCII))

    return fits


def _by_express(trip: RoundTrip) -> bool:
    return trip.header("x-powered-by") == "Express" and trip.media_type != "application/json"


def _html(pattern: bytes) -> Callable[[RoundTrip], bool]:
    compiled = re.compile(pattern)
    return lambda trip: trip.status >= 400 and bool(compiled.search(trip.body[:2000]))


_STATUSES = frozenset(http.HTTPStatus)
_DJANGO_REST = re.compile(
    r"Authentication credentials were not provided|Incorrect authentication credentials"
    r"|JSON parse error|Unsupported media type|Method \"|No \w+ matches the given query"
    r"|Request was throttled|You do not have permission|(Not found|Invalid token)\.$"
)
_EXPRESS = (
    "Express answers its own errors as HTML or plain text: add, after all routes, a handler for "
    f"unknown paths and one with four parameters (err, req, res, next) that answer with {_ENVELOPE}"
)


class _Habit(NamedTuple):
    """How to recognise a framework by its answer, and the remedy for it."""

    fits: Callable[[RoundTrip], bool]
    remedy: str


#: The first that fits counts.
_HABITS = (
    _Habit(
        _validation,
        'FastAPI refuses invalid bodies with 422 and {"detail": […]}: add an exception handler for '
        f"RequestValidationError that answers 400 with {_ENVELOPE}",
    ),
    _Habit(
        _by_django_rest,
        'Django REST framework answers its errors with {"detail": …}: name a function in its '
        f"setting EXCEPTION_HANDLER that answers with {_ENVELOPE}",
    ),
    _Habit(
        lambda trip: _detail(trip) is not None and trip.media_type == "application/json",
        'FastAPI answers an HTTPException, its own 404 and 405 too, with {"detail": …}: add an '
        "exception handler for starlette.exceptions.HTTPException that answers with "
        f"{_ENVELOPE}",
    ),
    _Habit(_by_express, _EXPRESS),
    _Habit(_html(rb"<title>Error</title>[\s\S]*<pre>"), _EXPRESS),
    _Habit(
        _plain("{phrase}"),
        "Starlette answers its own errors as plain text: add exception handlers for "
        f"starlette.exceptions.HTTPException and for Exception that answer with {_ENVELOPE}",
    ),
    _Habit(
        _plain("{status}:? {phrase}"),
        "aiohttp answers its own errors as plain text: add a middleware that catches "
        f"aiohttp.web.HTTPException and answers with {_ENVELOPE}",
    ),
    _Habit(
        _plain("404 page not found\n?|(405 )?[Mm]ethod [Nn]ot [Aa]llowed\n?"),
        "Go's net/http and Gin answer their own errors as plain text: register a handler for every "
        f"other path and method (in Gin, NoRoute and NoMethod) that answers with {_ENVELOPE}",
    ),
    _Habit(
        _html(rb"(?i)<!doctype html>\s*<html lang=\"?en\"?>\s*<title>\d{3} "),
        "Flask answers its own errors as HTML: register an app.errorhandler for "
        f"werkzeug.exceptions.HTTPException that answers with {_ENVELOPE}",
    ),
    _Habit(
        _html(rb"(?i)<h1>(Not Found|Server Error \(500\)|Bad Request \(400\))</h1>"),
        "Django answers its own errors as HTML: set handler400, handler404 and handler500 in the "
        f"URLconf to views that answer with {_ENVELOPE}",
    ),
    _Habit(
        lambda trip: trip.media_type == "application/problem+json",
        "The errors are those of RFC 9457 (application/problem+json), as ASP.NET Core and Spring "
        "write them: replace their writer, an IProblemDetailsService or a @ControllerAdvice, by one "
        f"that answers with {_ENVELOPE}",
    ),
)


def remedy(*trips: RoundTrip) -> str:
    """The remedy for the last answer if it is the default of a known framework; else empty."""
    return next((habit.remedy for habit in _HABITS for trip in trips[-1:] if habit.fits(trip)), "")
