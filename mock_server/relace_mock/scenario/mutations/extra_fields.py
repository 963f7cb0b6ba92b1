"""Fields that the contract does not know, at every level: it does not forbid them."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest, Request
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_fields


def _change(draft: Draft[Request]) -> None:
    for result in draft.results:
        if isinstance(result, dict):  # and not nested
            result["object"] = "embedding" if "embedding" in result else "file"
    draft.answer["object"] = "list"
    if isinstance(draft.request, EmbedRequest):
        draft.answer["model"] = draft.request.model
    if "usage" in draft.answer:
        draft.answer["usage"]["prompt_tokens"] = draft.answer["usage"]["total_tokens"]


EXTRA_FIELDS = Mutation("extra_fields", "unknown fields at every level", _change, has_fields)
