"""A component that is NaN, which JSON lacks."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, array, is_float, numbers


def _change(draft: Draft[EmbedRequest]) -> None:
    _, *others = numbers(draft.results[0]["embedding"])
    draft.results[0]["embedding"] = array([b"NaN", *others])


NAN_COMPONENT = Mutation(
    "nan_component", "the first component is NaN", _change, is_float, endpoints=("embed",)
)
