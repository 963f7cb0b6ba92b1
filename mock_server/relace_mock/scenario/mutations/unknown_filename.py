"""A file that was never sent, in the place of the best one."""

from __future__ import annotations

from relace_mock.messages import RankRequest
from relace_mock.scenario.mutations.draft import Draft, Mutation, has_any


def _change(draft: Draft[RankRequest]) -> None:
    name = "never/sent.py"
    while any(file.name == name for file in draft.request.files):
        name = f"never/{name}"
    if draft.has_fields:
        draft.results[0]["filename"] = name
    else:
        draft.results[0] = name


UNKNOWN_FILENAME = Mutation(
    "unknown_filename",
    "the first result has the name of a file that was not sent",
    _change,
    has_any,
    endpoints=("rank",),
)
