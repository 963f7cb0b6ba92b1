"""A vector of zeros, for which no cosine is defined."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, array, is_float, numbers


def _change(draft: Draft[EmbedRequest]) -> None:
    zeros = [b"0.00000000" for _ in numbers(draft.results[0]["embedding"])]
    draft.results[0]["embedding"] = array(zeros)


ZERO_VECTOR = Mutation(
    "zero_vector", "the first vector is all zeros", _change, is_float, endpoints=("embed",)
)
