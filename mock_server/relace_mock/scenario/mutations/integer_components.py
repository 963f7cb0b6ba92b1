"""Components without a fraction, which a strict float type may refuse."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, array, is_float, numbers


def _change(draft: Draft[EmbedRequest]) -> None:
    for result in draft.results:
        scaled = [round(float(number) * 1000) for number in numbers(result["embedding"])]
        result["embedding"] = array([b"%d" % number for number in scaled])


INTEGER_COMPONENTS = Mutation(
    "integer_components", "components are integers", _change, is_float, endpoints=("embed",)
)
