"""One result too few."""

from __future__ import annotations

from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft) -> None:
    draft.results.pop()


DROP_RESULT = Mutation("drop_result", "the last result is missing", _change)
