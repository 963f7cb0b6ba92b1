"""CT: how a request may spell the content type of JSON (RFC 9110, section 8.3.1)."""

from __future__ import annotations

from collections.abc import Callable

from relace_contract.server import rank
from relace_contract.server.answers import expect
from relace_contract.server.reach import DOCUMENTED
from relace_contract.server.subject import Server

SPELLINGS = {
    "CT-charset": (
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
    ),
    "CT-parameters": (
        "application/json; version=1",
        "application/json ; charset=utf-8",
        "application/json; x=y; charset=utf-8",
        'application/json; profile="https://example.com/a;b=c, d"',
    ),
    "CT-case": (
        "Application/JSON",
        "APPLICATION/JSON",
        "application/JSON; Charset=UTF-8",
    ),
}


def _check(spellings: tuple[str, ...]) -> Callable[[Server], None]:
    def check(server: Server) -> None:
        ranker = rank.ranking(server)
        for spelling in spellings:
            headers = (("Content-Type", spelling), ("Accept", "*/*"))
            trip = server.ask(DOCUMENTED, headers=headers)
            expect(trip, 200, what=f"Content-Type: {spelling}")
            for path in ranker:
                trip = rank.ask(server, path=path, headers=headers)
                expect(trip, 200, what=f"Content-Type: {spelling}")

    return check


CHECKS: dict[str, Callable[[Server], None]] = {
    identity: _check(spellings) for identity, spellings in SPELLINGS.items()
}
