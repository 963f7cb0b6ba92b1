"""Keys in another order: JSON does not order them."""

from __future__ import annotations

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_fields


def _change(draft: Draft[Request]) -> None:
    draft.results = [
        dict(reversed(result.items())) if isinstance(result, dict) else result
        for result in draft.results
    ]
    draft.answer = dict(reversed(draft.answer.items()))


REORDERED_KEYS = Mutation("reordered_keys", "keys are in the opposite order", _change, has_fields)
