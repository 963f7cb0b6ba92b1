"""A 200 without a body."""

from __future__ import annotations

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft[Request]) -> None:
    draft.body = b""


EMPTY_BODY = Mutation("empty_body", "the body is empty", _change)
