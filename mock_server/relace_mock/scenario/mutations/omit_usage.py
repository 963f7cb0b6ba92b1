"""No `usage` (observed where the service counted no tokens)."""

from __future__ import annotations

from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft) -> None:
    draft.answer.pop("usage", None)  # an upstream may have left it out already


OMIT_USAGE = Mutation("omit_usage", "usage is missing", _change)
