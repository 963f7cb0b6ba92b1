"""A `usage` of 0 tokens."""

from __future__ import annotations

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_fields


def _change(draft: Draft[Request]) -> None:
    draft.answer["usage"] = {"total_tokens": 0}


ZERO_USAGE = Mutation("zero_usage", "total_tokens is 0", _change, has_fields)
