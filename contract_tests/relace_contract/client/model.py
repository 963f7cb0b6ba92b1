"""The model for retries: how a call must end, given a script of failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_KINDS = {400: "bad_request", 401: "authentication", 404: "key_not_found", 429: "rate_limit"}


@dataclass(frozen=True, slots=True)
class Prediction:
    """The number of requests, and the error in which the call ends; ``kind`` None is success."""

    requests: int
    kind: str | None
    status: int | None


def predict(script: Sequence[int | str], max_retries: int) -> Prediction:
    """The prediction for a client that retries 429, 5xx and resets, and nothing else.

    ``script`` has a status, or ``reset``, for each request; requests after its end succeed.
    """
    for sent, answer in enumerate(script, 1):
        if answer in {400, 401, 404} or sent > max_retries:
            if answer == "reset":
                return Prediction(sent, "connection", None)
            assert isinstance(answer, int)
            return Prediction(sent, _KINDS.get(answer, "server"), answer)
    return Prediction(len(script) + 1, None, None)
