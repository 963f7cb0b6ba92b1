"""Vectors of different lengths in one answer."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, array, has_several, numbers


def _change(draft: Draft[EmbedRequest]) -> None:
    components = numbers(draft.results[-1]["embedding"])
    draft.results[-1]["embedding"] = array(components[: len(components) // 2] or components * 2)


RAGGED_DIMENSIONS = Mutation(
    "ragged_dimensions",
    "the last vector has half its components",
    _change,
    has_several,
    endpoints=("embed",),
)
