"""What the mock says of itself, under ``/_mock/``."""

from __future__ import annotations

import json

from mock_server import __version__
from mock_server.exchange import Reply
from mock_server.pipeline import Pipeline
from mock_server.rendering import MARK


def health(pipeline: Pipeline) -> Reply:
    """That it runs, as what, and how the cache of rendered vectors fares."""
    settings = pipeline.settings
    state = {
        "status": "ok",
        "version": __version__,
        "embedding": settings.embedding,
        "dimensions": settings.dimensions,
        "seed": settings.seed,
        "cache": pipeline.embedder.cache_state()._asdict(),
    }
    body = json.dumps(state).encode()
    return Reply(200, ((b"content-type", b"application/json"), MARK), body)
