"""One result too few."""

from __future__ import annotations

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_any


def _change(draft: Draft[Request]) -> None:
    draft.results.pop()


DROP_RESULT = Mutation("drop_result", "the last result is missing", _change, has_any)
