"""The address of a server, as users write it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_EXAMPLE = "http://127.0.0.1:8080/v1"
#: A host and port without a scheme, as `127.0.0.1:8080/v1` or `[::1]:8080`.
_BARE = re.compile(r"(?:\[[\da-fA-F:.]+\]|[\w.-]+):\d+(?:/.*)?|localhost(?:/.*)?", re.ASCII)


def base_url(url: str) -> str:
    """The base URL for clients: it ends in ``/v1``, whether or not ``url`` does.

    A host and port without a scheme get ``http://``. Raises ``ValueError``; its text says what is
    wrong and never repeats a password.
    """
    if _BARE.fullmatch(url):
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
        _ = parts.port  # urlsplit checks the port only when it is read
    except ValueError as error:
        raise ValueError(f"the URL is not valid ({error}): write {_EXAMPLE}") from None
    if "@" in parts.netloc:
        raise ValueError("the URL must not contain a user name or a password: use --api-key")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not a server URL: write {_EXAMPLE}")
    if parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ValueError(
            f"the URL must not contain ?, #, blanks or control characters: write {_EXAMPLE}"
        )
    path = parts.path.rstrip("/")
    for endpoint in ("/code/embed", "/code/rank"):
        if path.endswith(endpoint):
            base = path.removesuffix(endpoint).removesuffix("/v2")
            raise ValueError(
                f"the URL must not end in {endpoint}: write {parts.scheme}://{parts.netloc}{base}"
            )
    return f"{parts.scheme}://{parts.netloc}{path.removesuffix('/v1')}/v1"
