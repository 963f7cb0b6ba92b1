"""Serves the contract where tools look for it: ``/openapi.json`` and ``/openapi.yaml``.

In the served documents, ``servers`` has the URL with which the client reached this server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType

from relace_mock import contract
from relace_mock.messages import Received, Reply
from relace_mock.refusals import method_not_allowed
from relace_mock.rendering import MARK, refused
from relace_mock.settings import Contract

# The URL of the server in the files, which is replaced.
_ON_FILE = b"http://127.0.0.1:8080"
_HOST = re.compile(r"(?i)([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")

#: For each path, the function that returns its content, and the media type.
PATHS: MappingProxyType[str, tuple[Callable[[Contract], bytes], bytes]] = MappingProxyType(
    {
        "/openapi.json": (contract.served_json, b"application/json"),
        "/openapi.yaml": (contract.served_yaml, b"application/yaml"),
    }
)


def answer(received: Received, mode: Contract) -> Reply:
    """The reply to a request for one of ``PATHS``."""
    if received.method not in ("GET", "HEAD"):
        return refused(method_not_allowed(received.method, "GET, HEAD"))
    content, media_type = PATHS[received.path]
    text = content(mode).replace(_ON_FILE, received.server_url.encode())
    return Reply(200, ((b"content-type", media_type), MARK), (text,))


def server_url(scheme: str, hosts: list[str], address: tuple[str, int | None] | None) -> str:
    """The URL of the server as a client reached it.

    Args:
        scheme: ``http`` or ``https``.
        hosts: the values of the ``Host`` header fields. Behind a port mapping or a proxy, only
            they tell where clients find the server.
        address: the address that accepted the connection, used if there is no valid ``Host``.
    """
    if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):
        return f"{scheme}://{hosts[0]}"
    host, port = address or ("127.0.0.1", None)
    bracketed = f"[{host}]" if ":" in host else host
    return f"{scheme}://{bracketed}" + (f":{port}" if port else "")
