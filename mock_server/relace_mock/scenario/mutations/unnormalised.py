"""Vectors three times as long as they should be."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, array, is_float, numbers


def _change(draft: Draft[EmbedRequest]) -> None:
    for result in draft.results:
        longer = [3 * float(number) for number in numbers(result["embedding"])]
        result["embedding"] = array([b"%.8f" % number for number in longer])


UNNORMALISED = Mutation(
    "unnormalised", "vectors are three times too long", _change, is_float, endpoints=("embed",)
)
