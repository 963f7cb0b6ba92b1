"""`results` one array deeper, as in Relace's documented example, against its own schema."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft[EmbedRequest]) -> None:
    draft.answer["results"] = [draft.results]


NEST_RESULTS = Mutation(
    "nest_results", "results are nested one array deeper", _change, endpoints=("embed",)
)
