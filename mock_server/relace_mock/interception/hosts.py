"""Which hosts are Relace's, and what an entry of ``NO_PROXY`` means."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from relace_mock.control.guard import is_loopback

# Public code reaches Relace at more hosts than the documented four, so this is a pattern.
_EXACT = "api.relace.run"
_SUFFIX = ".endpoint.relace.run"
_STANDARD_PORTS = (80, 443)


def normal(host: str) -> str:
    """Return a host in lower case, without a trailing dot and without the brackets of IPv6."""
    return host.strip().lower().removesuffix(".").removeprefix("[").removesuffix("]")


def is_relace(host: str) -> bool:
    """Whether requests for this host go to the mock."""
    name = normal(host)
    return name == _EXACT or (name.endswith(_SUFFIX) and name != _SUFFIX)


def is_here(host: str) -> bool:
    """Whether a host is this machine: ``--block-others`` does not block it."""
    name = normal(host)
    own = ("0.0.0.0", "::", normal(socket.gethostname()))  # noqa: S104 - a client may write it
    return is_loopback(name) or name in own


def shown(host: str, port: int) -> str:
    """Return a host for people, with its port if that is unusual."""
    name = normal(host)
    name = f"[{name}]" if ":" in name else name
    return name if port in _STANDARD_PORTS else f"{name}:{port}"


def entries(no_proxy: str) -> list[str]:
    """Split the value of ``NO_PROXY``."""
    return [entry for entry in no_proxy.replace(",", " ").split() if entry]


def names_relace(entry: str) -> bool:
    """Whether an entry of ``NO_PROXY`` keeps some client from sending Relace's hosts to a proxy.

    Some clients compare only the end of a name: for them, ``lace.run`` matches ``api.relace.run``.
    """
    name = entry_name(entry)
    return entry == "*" or _EXACT.endswith(name) or _SUFFIX.endswith(name) or is_relace(name)


def bypasses(no_proxy: Sequence[str], host: str, port: int) -> bool:
    """Whether ``NO_PROXY`` says that a host is reached without a proxy."""
    name = normal(host)
    return any(entry == "*" or _covers(entry, name, port) for entry in no_proxy)


def _covers(entry: str, host: str, port: int) -> bool:
    _, _, wanted = entry.rpartition(":")
    if entry.count(":") == 1 and wanted.isdecimal() and int(wanted) != port:
        return False
    name = entry_name(entry)
    if host == name or host.endswith(f".{name}"):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False


def entry_name(entry: str) -> str:
    """Return the name in an entry of ``NO_PROXY``, without a wildcard and a port."""
    name, colon, port = entry.lower().rpartition(":")
    if not (colon and port.isdecimal() and ":" not in name):
        name = entry.lower()
    return normal(name.removeprefix("*").removeprefix("."))
