"""Vectors of another space under the same model name: stored vectors no longer fit."""

from __future__ import annotations

from relace_mock.scenario.mutations.draft import Mutation, VectorDraft, has_any


def _change(draft: VectorDraft) -> None:
    for result, row in zip(draft.results, draft.drifted(), strict=True):
        result["embedding"] = bytes(row) + b"]"


MODEL_DRIFT = Mutation(
    "model_drift", "vectors come from another space", _change, has_any, endpoints=("embed",)
)
