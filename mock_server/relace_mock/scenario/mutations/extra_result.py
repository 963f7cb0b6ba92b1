"""One result too many."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft[EmbedRequest]) -> None:
    draft.results.append(draft.results[-1] | {"index": len(draft.results)})


EXTRA_RESULT = Mutation(
    "extra_result", "one result more than there are inputs", _change, endpoints=("embed",)
)
