"""JSON that says it is plain text."""

from __future__ import annotations

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft[Request]) -> None:
    draft.headers[b"content-type"] = b"text/plain; charset=utf-8"


WRONG_CONTENT_TYPE = Mutation("wrong_content_type", "the content type is text/plain", _change)
