"""API keys and the names of their namespaces.

A namespace is the state of one key: scenario, positions, attempts, quota, clock and journal. Its
name is a hash, because the mock never writes a key.
"""

from __future__ import annotations

import functools
import hashlib

#: The namespace of requests without a key.
ANONYMOUS = "anonymous"
_LONGEST_CACHED = 1024  # characters of a key; the hashes of longer keys are not cached


def namespace_of(key: str | None) -> str:
    """Return the name of a key's namespace, 16 hexadecimal digits; ``ANONYMOUS`` without a key."""
    if key is None:
        return ANONYMOUS
    return (_hash_of if len(key) <= _LONGEST_CACHED else _hash_of.__wrapped__)(key)


@functools.lru_cache(256)
def _hash_of(key: str) -> str:
    return hashlib.sha256(b"relace-mock namespace " + key.encode()).hexdigest()[:16]
