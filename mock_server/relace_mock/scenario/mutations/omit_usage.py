"""No `usage` (observed where the service counted no tokens)."""

from __future__ import annotations

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_fields


def _change(draft: Draft[Request]) -> None:
    draft.answer.pop("usage", None)  # an upstream may have left it out already


OMIT_USAGE = Mutation("omit_usage", "usage is missing", _change, has_fields)
