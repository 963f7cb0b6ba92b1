"""Counts of the proxy's connections, by host name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_NAMES = 1000
_FURTHER = "further hosts"


@dataclass(slots=True)
class Tally:
    """Connections by host, for the summary of a run. The number of names is bounded."""

    #: Reached the mock.
    relace: Counter[str] = field(default_factory=Counter)
    #: Relace's, but ended without a request: perhaps the client does not trust the authority.
    silent: Counter[str] = field(default_factory=Counter)
    #: Relace's, but the client said in TLS that it does not trust the authority of this run.
    distrusted: Counter[str] = field(default_factory=Counter)
    #: Passed on to other hosts.
    others: Counter[str] = field(default_factory=Counter)
    #: Other hosts that were refused, with ``--block-others``.
    blocked: Counter[str] = field(default_factory=Counter)
    #: Other hosts that could not be reached.
    unreachable: Counter[str] = field(default_factory=Counter)


def count(names: Counter[str], name: str) -> None:
    """Count a connection. Names beyond the bound are counted together."""
    known = name in names or len(names) < _NAMES
    names[name if known else _FURTHER] += 1
