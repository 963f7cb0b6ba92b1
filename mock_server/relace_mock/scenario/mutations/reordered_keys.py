"""Keys in another order: JSON does not order them."""

from __future__ import annotations

from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft) -> None:
    draft.answer["results"] = [
        dict(reversed(result.items())) if isinstance(result, dict) else result
        for result in draft.results
    ]
    draft.answer = dict(reversed(draft.answer.items()))


REORDERED_KEYS = Mutation("reordered_keys", "keys are in the opposite order", _change)
