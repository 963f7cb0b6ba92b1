"""A body cut in the middle, with a matching length: only the JSON parser notices."""

from __future__ import annotations

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft[Request]) -> None:
    text = draft.text()
    draft.body = text[: len(text) // 2]


TRUNCATED_JSON = Mutation("truncated_json", "the JSON ends in the middle", _change)
