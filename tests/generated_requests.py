"""The requests that Schemathesis chooses for an OpenAPI document, chosen when their test runs.

``schema.parametrize()`` chooses them while pytest collects tests. That takes seconds, in each
worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.generation.modes import GenerationMode

Judge = Callable[[Any, Any], None]


def operations(schema: Any) -> list[Any]:
    """Every operation of a document. Its ``label`` is the method and the path."""
    return [found.ok() for found in schema.get_all_operations()]


def try_requests(operation: Any, judge: Judge, *, fuzzed: int) -> None:
    """Call ``judge`` with each request and a session of Requests, which keeps its connection.

    These are the examples of the document, the cases that cover its schemas, and ``fuzzed`` values.
    """
    schema, modes = operation.schema, list(GenerationMode)
    with requests.Session() as session:
        session.trust_env = False  # Requests would look for proxies at each request

        @settings(max_examples=1, database=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def examples(data: Any) -> None:
            for strategy in operation.get_strategies_from_examples():
                judge(data.draw(strategy), session)

        @settings(max_examples=fuzzed)
        @given(st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]))
        def fuzz(case: Any) -> None:
            judge(case, session)

        examples()
        config = schema.config.generation_for(operation=operation, phase="coverage")
        for case in schema.iter_coverage_cases(
            operation, generation_modes=modes, generation_config=config
        ):
            judge(case, session)
        fuzz()
