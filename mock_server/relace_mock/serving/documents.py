"""The contract where tools look for it: ``/openapi.json`` and ``/openapi.yaml``.

In what is served, ``servers`` is the server that was asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType

from relace_mock import contract
from relace_mock.messages import Received, Reply
from relace_mock.refusals import method_not_allowed
from relace_mock.rendering import MARK, render
from relace_mock.settings import Contract

# What stands for this server in the files.
_ON_FILE = b"http://127.0.0.1:8080"
_HOST = re.compile(r"(?i)([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")

#: Each path, what is there, and its media type.
PATHS: MappingProxyType[str, tuple[Callable[[Contract], bytes], bytes]] = MappingProxyType(
    {
        "/openapi.json": (contract.served_json, b"application/json"),
        "/openapi.yaml": (contract.served_yaml, b"application/yaml"),
    }
)


def answer(received: Received, mode: Contract) -> Reply:
    """The reply to a request for one of ``PATHS``."""
    if received.method not in ("GET", "HEAD"):
        return render(method_not_allowed(received.method, "GET, HEAD"))
    content, media_type = PATHS[received.path]
    text = content(mode).replace(_ON_FILE, received.server_url.encode())
    return Reply(200, ((b"content-type", media_type), MARK), (text,))


def server_url(scheme: str, hosts: list[str], address: tuple[str, int | None] | None) -> str:
    """The server as a client reached it.

    Args:
        scheme: ``http`` or ``https``.
        hosts: the values of the ``Host`` header fields. Behind a port mapping or a proxy, only
            they say where clients find the server.
        address: where the connection was accepted, for a client that sends no usable ``Host``.
    """
    if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):
        return f"{scheme}://{hosts[0]}"
    host, port = address or ("127.0.0.1", None)
    bracketed = f"[{host}]" if ":" in host else host
    return f"{scheme}://{bracketed}" + (f":{port}" if port else "")
