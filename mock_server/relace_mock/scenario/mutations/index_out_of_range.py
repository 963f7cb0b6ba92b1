"""A result for an input that was never sent."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_any


def _change(draft: Draft[EmbedRequest]) -> None:
    draft.results[-1]["index"] = len(draft.request.input)


INDEX_OUT_OF_RANGE = Mutation(
    "index_out_of_range",
    "the last index is as large as the number of inputs",
    _change,
    has_any,
    endpoints=("embed",),
)
