"""Results out of order, each with its right index.

The contract allows this, but it breaks clients that trust the order.
"""

from __future__ import annotations

from hashlib import blake2b

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_several


def _change(draft: Draft[Request]) -> None:
    order = sorted(range(len(draft.results)), key=lambda index: blake2b(b"%d" % index).digest())
    if order == sorted(order):
        order.reverse()
    draft.results = [draft.results[index] for index in order]


SHUFFLE_RESULTS = Mutation(
    "shuffle_results", "results out of order, each unchanged", _change, has_several
)
