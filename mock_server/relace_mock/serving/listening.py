"""Opens the sockets of a server and loads its certificate. Raises ``ServerError``."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
from collections.abc import Callable

from relace_mock import reading
from relace_mock.settings import Listening, ServerError

_BACKLOG = 2048
_LARGEST_PEM = 1_000_000  # bytes
#: How often another free port is tried, if the one that IPv4 chose is in use with IPv6.
_TRIES = 20
# Errors of a system without this address family, or without this address.
_ABSENT = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


def bind(host: str, port: int) -> list[socket.socket]:
    """Open the listening sockets on one port. ``localhost`` and ``::`` mean IPv4 and IPv6."""
    try:
        if _is_localhost(host):
            return _bind_both("127.0.0.1", "::1", port)
        if _is_everywhere(host):
            if socket.has_dualstack_ipv6():
                return [_listen("::", port, dualstack_ipv6=True)]
            return _bind_both("0.0.0.0", "::", port)  # noqa: S104 - what `::` asks for
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return [socket.create_server(address[:2], family=family, backlog=_BACKLOG)]
    except (socket.gaierror, UnicodeError):  # the latter for a name that IDNA cannot encode
        raise ServerError(f"host {host!r} is not known: use an address such as 127.0.0.1") from None
    except OSError as error:
        remedies = {
            errno.EADDRINUSE: f"port {port} is in use: choose another, or --port 0 for any free one",
            errno.EACCES: f"port {port} needs more rights: choose one above 1023",
            errno.EADDRNOTAVAIL: f"{host} is not an address of this machine: try 127.0.0.1",
            errno.EAFNOSUPPORT: "this machine does not support such addresses: try 127.0.0.1",
        }
        reason = remedies.get(error.errno or 0, error.strerror)
        raise ServerError(f"cannot listen on {host} port {port}: {reason}") from None


def reachable(sockets: list[socket.socket]) -> str:
    """Return an address of these sockets for a URL: ``127.0.0.1:8080``, ``[::1]:8080``."""
    host, port = sockets[0].getsockname()[:2]
    if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind_both(host_4: str, host_6: str, port: int) -> list[socket.socket]:
    """Listen on one port with IPv4 and IPv6, or with only one if the machine lacks the other."""
    for left in reversed(range(_TRIES)):
        first = _listen_if_there(host_4, port)
        chosen = first.getsockname()[1] if first else port
        try:
            second = _listen_if_there(host_6, chosen) if first else _listen(host_6, port)
        except OSError as error:
            if first is not None:
                first.close()
            if port == 0 and error.errno == errno.EADDRINUSE and left:
                continue
            raise
        return [each for each in (first, second) if each]
    raise AssertionError  # pragma: no cover - the last try returns or raises


def _listen_if_there(host: str, port: int) -> socket.socket | None:
    try:
        return _listen(host, port)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def _listen(host: str, port: int, *, dualstack_ipv6: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server(
        (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=dualstack_ipv6
    )


def _is_localhost(host: str) -> bool:
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).is_unspecified
    except ValueError:
        return False


def tls(listening: Listening) -> Callable[..., ssl.SSLContext]:
    """Return a factory for the TLS context of ``--ssl-certfile`` and ``--ssl-keyfile``."""
    assert listening.ssl_certfile is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for file in filter(None, (listening.ssl_certfile, listening.ssl_keyfile)):
        try:
            reading.contents(file, _LARGEST_PEM)  # OpenSSL would read a device without end
        except reading.UnreadableError as error:
            raise ServerError(f"cannot use the certificate {file}: {error}") from None
    try:
        context.load_cert_chain(listening.ssl_certfile, listening.ssl_keyfile, _no_password)
    except (OSError, ssl.SSLError) as error:
        files = " and ".join(
            str(file) for file in (listening.ssl_certfile, listening.ssl_keyfile) if file
        )
        raise ServerError(
            f"cannot use the certificate {files}: {error.strerror or error}; "
            "give PEM files with --ssl-certfile and --ssl-keyfile"
        ) from None
    return lambda *_: context


def _no_password() -> str:
    raise ServerError("the key of --ssl-keyfile is encrypted: decrypt it with `openssl pkey`")
