"""Indexes as strings."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_any


def _change(draft: Draft[EmbedRequest]) -> None:
    for result in draft.results:
        result["index"] = str(result["index"])


STRING_INDEX = Mutation(
    "string_index", "indexes are strings", _change, has_any, endpoints=("embed",)
)
