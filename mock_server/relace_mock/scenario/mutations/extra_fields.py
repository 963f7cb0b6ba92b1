"""Fields that the contract does not know, at every level: it does not forbid them."""

from __future__ import annotations

from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft) -> None:
    for result in draft.results:
        if isinstance(result, dict):  # and not nested
            result["object"] = "embedding"
    draft.answer["object"] = "list"
    draft.answer["model"] = draft.request.model
    if "usage" in draft.answer:
        draft.answer["usage"]["prompt_tokens"] = draft.answer["usage"]["total_tokens"]


EXTRA_FIELDS = Mutation("extra_fields", "unknown fields at every level", _change)
