"""Another input's vector, under the right index."""

from __future__ import annotations

from relace_mock.messages import EmbedRequest, Received
from relace_mock.scenario.mutations.draft import Draft, Mutation


def _has_different(request: EmbedRequest, _received: Received) -> bool:
    return len(set(request.input)) > 1


def _change(draft: Draft[EmbedRequest]) -> None:
    texts = draft.request.input
    other = next(index for index, text in enumerate(texts) if text != texts[0])
    first, second = draft.results[0], draft.results[other]
    first["embedding"], second["embedding"] = second["embedding"], first["embedding"]


SWAP_VECTORS = Mutation(
    "swap_vectors",
    "two inputs have each other's vectors",
    _change,
    _has_different,
    endpoints=("embed",),
)
