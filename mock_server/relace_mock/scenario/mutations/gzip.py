"""A compressed body, if the client accepts one."""

from __future__ import annotations

import gzip

from relace_mock.messages import Received, Request
from relace_mock.scenario.mutations.draft import Draft, Mutation


def _is_accepted(_request: Request, received: Received) -> bool:
    for field in received.header(b"accept-encoding"):
        for coding in field.lower().split(","):
            name, _, quality = coding.partition(";")
            if name.strip() in ("gzip", "*"):
                return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _change(draft: Draft[Request]) -> None:
    draft.body = gzip.compress(draft.text(), 1, mtime=0)
    draft.headers[b"content-encoding"] = b"gzip"
    draft.headers[b"vary"] = b"accept-encoding"


GZIP = Mutation("gzip", "the body is compressed", _change, _is_accepted)
