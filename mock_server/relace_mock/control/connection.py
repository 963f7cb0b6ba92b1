"""Connections for control requests, which work even if a test patches ``socket``.

A test may block sockets (pytest-socket) or record HTTP, but its mock must still work. So this
module takes the socket classes when it is imported, and bypasses a guard that is in front of them
by then. Under gevent, it uses gevent's sockets.
"""

from __future__ import annotations

import _socket
import functools
import http.client
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from relace_mock.certificates import check_named_file
from relace_mock.excerpts import quoted
from relace_mock.settings import ServerError

#: Sends a method, a path, header fields and a body; returns the status and the body.
Send = Callable[[str, str, Mapping[str, str], bytes], tuple[int, bytes]]

_TIMEOUT = 30  # seconds


def _unguarded() -> Any:
    """The socket class of Python or gevent, without a subclass that blocks it."""
    classes = getattr(socket.socket, "__mro__", ())
    return next((each for each in classes if each.__name__ == "socket"), socket.SocketType)


_SOCKET = _unguarded()
# pytest-socket replaces `connect` of the class itself to allow some hosts only.
_CONNECT: Any = _socket.socket.connect if _SOCKET.__module__ == "socket" else _SOCKET.connect
_ADDRESSES = socket.getaddrinfo


class _Plain(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = _connected(self.host, self.port, self.timeout)


class _Secure(http.client.HTTPConnection):
    default_port = 443

    def connect(self) -> None:
        context = _tls()  # first: a bad file of certificates is told even if nothing answers
        plain = _connected(self.host, self.port, self.timeout)
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


@functools.cache
def _tls() -> Any:
    """A TLS context with the system's certificates, and ``SSL_CERT_FILE``; slow, so read once.

    Raises ``SettingsError`` if that file is bad.
    """
    import ssl  # noqa: PLC0415 - few mocks speak TLS

    check_named_file()
    return ssl.create_default_context()


def _connected(host: str, port: int, timeout: float | None) -> Any:
    """A connection to the first address that answers. Raises ``OSError``."""
    problem: OSError | None = None
    for family, address in _addresses(host, port):
        connection = _SOCKET(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            _CONNECT(connection, address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            problem = error
        else:
            return connection
    raise problem or OSError(f"{host} has no address")


def _addresses(host: str, port: int) -> list[tuple[int, Any]]:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, (host, port))]
    found = _ADDRESSES(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def over_a_socket(base_url: str, timeout: float = _TIMEOUT) -> Send:
    """Return a function that sends requests to a server. Raises ``ServerError`` for a bad URL.

    The function raises ``ServerError`` if there is no response, and ``SettingsError`` if
    ``SSL_CERT_FILE`` names a bad file of certificates.

    ``timeout`` is the longest wait for the next bytes, in seconds.
    """
    if not isinstance(base_url, str):
        raise TypeError(
            f"base_url must be a string such as 'http://127.0.0.1:8080/v1', not {quoted(base_url)}"
        )
    try:
        url = urlsplit(base_url)
    except ValueError:  # such as half of the brackets of an IPv6 address
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ServerError(f"{base_url!r} is not the URL of a mock: write http://127.0.0.1:8080/v1")
    try:
        port = url.port
    except ValueError:
        raise ServerError(
            f"{base_url!r} is not the URL of a mock: its port is not a number from 0 to 65535"
        ) from None
    host = url.hostname
    kind = _Secure if url.scheme == "https" else _Plain

    def send(method: str, path: str, fields: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        connection = kind(host, port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(fields))
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(
                f"no mock answers at {url.scheme}://{url.netloc}: {error or type(error).__name__}"
            ) from None
        finally:
            connection.close()

    return send


def answered(response: tuple[int, bytes], base_url: str) -> Any:
    """Read the response to a control request.

    Raises ``ServerError`` if the mock refused, or if the server is not a mock.
    """
    status, content = response
    try:
        result: Any = json.loads(content) if content else None
        problem = result["error"] if status >= 400 else None
    except (ValueError, TypeError, KeyError):
        raise ServerError(f"the server at {base_url} is not a relace-mock: check the URL") from None
    if problem is not None:
        raise ServerError(f"the mock refused: {problem}")
    return result
