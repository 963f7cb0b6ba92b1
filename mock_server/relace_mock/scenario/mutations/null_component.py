"""A component that is null."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, array, has_any, numbers


def _change(draft: Draft[EmbedRequest]) -> None:
    _, *others = numbers(draft.results[0]["embedding"])
    draft.results[0]["embedding"] = array([b"null", *others])


NULL_COMPONENT = Mutation(
    "null_component", "the first component is null", _change, has_any, endpoints=("embed",)
)
