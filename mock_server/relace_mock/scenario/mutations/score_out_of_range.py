"""A score over 1, which the contract forbids."""

from __future__ import annotations

from relace_mock.messages import RankRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_score


def _change(draft: Draft[RankRequest]) -> None:
    draft.results[0]["score"] = 1.5


SCORE_OUT_OF_RANGE = Mutation(
    "score_out_of_range", "the first score is 1.5", _change, has_score, endpoints=("rank",)
)
