"""A `usage` of 0 tokens."""

from __future__ import annotations

from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft) -> None:
    draft.answer["usage"] = {"total_tokens": 0}


ZERO_USAGE = Mutation("zero_usage", "total_tokens is 0", _change)
