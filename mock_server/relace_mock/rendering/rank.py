"""The body of the answer to a request to rank files."""

from __future__ import annotations

from typing import Any

import orjson

from relace_mock.messages import Ranked
from relace_mock.vectors.ranking import SCORE_UNITS


def results(ranked: Ranked) -> bytes:
    """Return the body."""
    return orjson.dumps(content(ranked))


def content(ranked: Ranked) -> Any:
    """Return the content of the body: file names and scores, or file names alone."""
    if ranked.names_only:
        return [name for name, _ in ranked.results]
    results = [{"filename": name, "score": score / SCORE_UNITS} for name, score in ranked.results]
    return {"results": results, "usage": {"total_tokens": ranked.total_tokens}}
