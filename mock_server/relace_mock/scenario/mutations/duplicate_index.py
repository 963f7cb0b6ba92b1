"""Two results that claim the same input."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_several


def _change(draft: Draft[EmbedRequest]) -> None:
    draft.results[1]["index"] = draft.results[0]["index"]


DUPLICATE_INDEX = Mutation(
    "duplicate_index",
    "the second result has the index of the first",
    _change,
    has_several,
    endpoints=("embed",),
)
