"""REACH: whether there is such a server at all, asked once before everything else."""

from __future__ import annotations

import json
import threading

from relace_contract import contract
from relace_contract.finding import CannotRun
from relace_contract.server import tls
from relace_contract.server.answers import depart
from relace_contract.server.exchange import Exchange
from relace_contract.server.subject import Server

DOCUMENTED = json.dumps(contract.example()).encode()


def documented_example(server: Server) -> Exchange:
    """The answer to the documented request."""
    return server.ask(DOCUMENTED)


def reached(server: Server) -> None:
    """REACH-200: the documented request gets a 200 with results."""
    exchange = documented_example(server)
    body = exchange.json()
    if exchange.status != 200:
        raise depart(f"200 expected, not {exchange.summary()}", exchange)
    if not isinstance(body, dict) or "results" not in body:
        raise depart("a 200 without `results`", exchange)


def probe(server: Server, deadline: float) -> bool:
    """Ask once. False if what answers is clearly no embed endpoint.

    Raises ``CannotRun`` where nothing answers, or the key is refused.
    """
    exchange = _within(server, deadline)
    url = exchange.request.url
    if not exchange.status:
        advice = tls.hint(exchange.failure, server.settings.cacert) or "is a server running there?"
        raise CannotRun(f"{url} does not answer: {exchange.failure}; {advice}")
    body = exchange.json()
    named = isinstance(body, dict) and isinstance(body.get("error"), str)
    if exchange.status in {401, 403, 404} and named and _about_the_key(server, exchange):
        hint = "is it right?" if server.settings.api_key else "give one with --api-key"
        raise CannotRun(f"{url} does not know the API key: {exchange.summary()}; {hint}")
    if exchange.status == 200:
        return isinstance(body, dict) and "results" in body
    return named and exchange.status != 404  # it speaks our language, though it fails


def _about_the_key(server: Server, exchange: Exchange) -> bool:
    """Whether a refusal is for the key, so that another might do: a 404 may mean the route."""
    if exchange.status == 404:
        return "key" in exchange.summary().lower()
    return server.settings.api_key is None or exchange.status != 404


def _within(server: Server, deadline: float) -> Exchange:
    answered: list[Exchange | BaseException] = []

    def ask() -> None:
        try:
            answered.append(documented_example(server))
        except Exception as error:  # noqa: BLE001 - raised again below
            answered.append(error)

    thread = threading.Thread(target=ask, name="probe", daemon=True)
    thread.start()
    waited = 0.0
    while thread.is_alive() and waited < deadline + server.waited:
        thread.join(0.1)
        waited += 0.1
    match answered:
        case [Exchange() as exchange]:
            return exchange
        case [BaseException() as error]:
            raise CannotRun(str(error)) from None
        case _:
            server.abandon(thread)
            raise CannotRun(
                f"{server.settings.base_url} did not finish an answer within {deadline:g} seconds"
            )
