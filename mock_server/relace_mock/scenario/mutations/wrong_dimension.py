"""Vectors of another length, the same for all: another model behind the same name."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, array, has_any, numbers


def _change(draft: Draft[EmbedRequest]) -> None:
    for result in draft.results:
        components = numbers(result["embedding"])
        result["embedding"] = array(components[: len(components) // 2] or components * 2)


WRONG_DIMENSION = Mutation(
    "wrong_dimension", "vectors have half their components", _change, has_any, endpoints=("embed",)
)
