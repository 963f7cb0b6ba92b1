"""API keys and the namespaces that they name.

A namespace is what one key's requests depend on: scenario, positions, attempts, quota, clock
and journal. Its name is a hash, because keys are never written.
"""

from __future__ import annotations

import functools
import hashlib

#: The namespace of requests without a key.
ANONYMOUS = "anonymous"
_REMEMBERED = 1024  # characters of a key whose hash is remembered, at most


def namespace_of(key: str | None) -> str:
    """Name of a key's namespace, 16 hexadecimal digits; ``ANONYMOUS`` without a key."""
    if key is None:
        return ANONYMOUS
    return (_hash_of if len(key) <= _REMEMBERED else _hash_of.__wrapped__)(key)


@functools.lru_cache(256)
def _hash_of(key: str) -> str:
    return hashlib.sha256(b"relace-mock namespace " + key.encode()).hexdigest()[:16]
