"""Decide which control requests are so short that the event loop may answer them itself.

All others get a thread. The limits keep a request on the event loop below a tenth of a second,
whatever a client sent before.
"""

from __future__ import annotations

from relace_mock.control.paths import PREFIX
from relace_mock.journal.entry import Entry
from relace_mock.messages import Received
from relace_mock.pipeline import Pipeline

_BODY = 4096  # bytes of the request
_SCENARIO = 1000  # bytes of a scenario: mistakes in it may take 50 ms
_ENTRIES = 50  # of the journal
_BYTES = 100_000  # of these entries: to hide the keys in a byte may take a microsecond
_SHORT = ("health", "clock", "reset", "namespace", "new-call")
# What makes a small scenario expensive: regular expressions (``input_matches``, ``text_matches``),
# YAML aliases, and names, which may be those of large scenarios. A backslash may hide each of them.
# Answers to other methods show a scenario of any size.
_COSTLY = (b"matches", b"*", b"name", b"\\")


def is_short(received: Received, pipeline: Pipeline) -> bool:
    """Whether the answer to a control request takes little time."""
    if len(received.body) > _BODY:
        return False
    name = received.path.removeprefix(PREFIX)
    if name in ("requests", "verdict", "events"):
        journal = pipeline.journal
        return len(journal) <= _ENTRIES and sum(map(_size, journal.entries())) <= _BYTES
    if name == "scenario":
        body = received.body
        cheap = len(body) <= _SCENARIO and not any(part in body for part in _COSTLY)
        return cheap and received.method == "PUT"
    return name in _SHORT


def _size(entry: Entry) -> int:
    """About how many bytes are read to show an entry.

    A rule that did not answer is shown with the texts that it looked for.
    """
    size = entry.arrived.size + entry.read.size + entry.decided.size
    scenario = entry.scenario
    return size + (scenario.size if scenario and entry.decided.decision.misses else 0)
