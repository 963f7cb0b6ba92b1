"""ERR: the client tells refusals apart."""

from __future__ import annotations

from collections.abc import Callable

from relace_contract.client.answers import status, text
from relace_contract.client.case import Case

TEXTS = ("first", "second")
KINDS = {
    400: "bad_request",
    401: "authentication",
    404: "key_not_found",
    429: "rate_limit",
    500: "server",
}
#: Error kinds that a client may use for a status that is not documented for this endpoint.
CLASSES = {
    403: ("authentication", "bad_request", "other"),
    413: ("bad_request", "other"),
    502: ("server",),
    503: ("server",),
    504: ("server", "timeout"),
}
#: Bodies of errors that are not in the documented form.
ODD_BODIES = (
    (b"", "application/json"),
    (b"<html><body><h1>Oops</h1></body></html>", "text/html"),
    (b"\xff\xfe{\xc3", "application/json"),
    (b'{"detail": [{"msg": "no"}]}', "application/json"),
    (b'{"error": {"message": "no", "code": 7}}', "application/json"),
    (b'["no"]', "application/json"),
    (b"null", "application/json"),
)


def typed(code: int) -> Callable[[Case], None]:
    """ERR-01 to ERR-05: the check for one documented status."""

    def check(case: Case) -> None:
        for message in (None, f"refused, reference {code}-7f3a"):
            talk = case.play(TEXTS, status(code, message))
            talk.fails(KINDS[code], status=code, says=message or "")

    return check


def not_empty(case: Case) -> None:
    """ERR-06."""
    for message in ("API key not found", "Bad Request: Route not found", ""):
        talk = case.play(TEXTS, status(404, message))
        talk.fails()


def odd_bodies(case: Case) -> None:
    """ERR-07."""
    for code, kind in KINDS.items():
        for body, media_type in ODD_BODIES:
            talk = case.play(TEXTS, text(body, media_type, code))
            talk.fails(kind, status=code)


def classes(case: Case) -> None:
    """ERR-08."""
    for code, kinds in CLASSES.items():
        talk = case.play(TEXTS, status(code, "no"))
        talk.fails(*kinds, status=code)


def limits(case: Case) -> None:
    """ERR-09."""
    case.needs("rate_limit")
    true = {"limit": "3", "remaining": "0", "reset": "1893456000"}
    fields = {f"X_RateLimit_{name.title()}": value for name, value in true.items()}
    talk = case.play(TEXTS, status(429, **fields))
    talk.fails("rate_limit", status=429)
    found = {name: str(value) for name, value in talk.said.rate_limit.items() if value is not None}
    if found != true:
        raise talk.departs(f"the error must have rate_limit {true}, not {found}")
