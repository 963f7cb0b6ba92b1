"""The way a request takes, on one screen.

::

    route ─▶ authenticate ─▶ validate ─▶ embed ─▶ render
      │           │              │                  ▲
      └───────────┴── Refusal ───┴──────────────────┘
"""

from __future__ import annotations

from mock_server import contract
from mock_server.auth import authenticate
from mock_server.exchange import EmbedRequest, Received, Reply
from mock_server.refusals import (
    Refusal,
    body_too_large,
    method_not_allowed,
    route_not_found,
)
from mock_server.rendering import render
from mock_server.rows import Embedder
from mock_server.settings import Settings
from mock_server.validation import validate


class Pipeline:
    """Answers requests. Knows no socket; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.embedder = Embedder(settings)
        self._known_keys = frozenset(settings.api_keys)

    def answer(self, received: Received) -> Reply:
        """The reply to one request, whatever it asks for."""
        return self.complete(self.decide(received))

    def decide(self, received: Received) -> EmbedRequest | Refusal:
        """Whether a request gets vectors. Takes a small part of the time that they take."""
        if refusal := self._route(received):
            return refusal
        caller = authenticate(received, self._known_keys, self.settings.unknown_key_status)
        if isinstance(caller, Refusal):
            return caller
        return validate(received, self.settings.max_inputs)

    def complete(self, decided: EmbedRequest | Refusal) -> Reply:
        """The reply that was decided on, with its vectors."""
        if isinstance(decided, Refusal):
            return render(decided)
        return render(self.embedder.embed(decided))

    def _route(self, received: Received) -> Refusal | None:
        if received.path != contract.EMBED_PATH:
            return route_not_found(f"the endpoint is {contract.EMBED_METHOD} {contract.EMBED_PATH}")
        if received.method != contract.EMBED_METHOD:
            return method_not_allowed(received.method, contract.EMBED_METHOD)
        if received.length > self.settings.max_body:
            return body_too_large(received.length, self.settings.max_body)
        return None
