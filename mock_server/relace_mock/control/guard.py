"""Decides who may use the control API.

On loopback, every program on the machine may use it, but no foreign web page: a foreign ``Origin``
or ``Host`` is refused, and a request that a browser marks ``cross-site``. On any other address,
only clients that send the token may use it.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from relace_mock.messages import Received


class Guard(NamedTuple):
    """Allows or refuses control requests.

    ``loopback`` says that the server listens nowhere else. If there is a ``token``, every request
    needs it. ``open_to_all`` is for a mock without a network: there is nothing to guard.
    """

    loopback: bool = True
    token: str | None = None
    open_to_all: bool = False

    def problem(self, received: Received) -> str | None:  # noqa: PLR0911 - one return for each way to be refused
        """Why this request is refused; None if it is allowed."""
        if self.open_to_all:
            return None
        given = received.header(b"x-mock-control-token")
        if self.token is not None:
            if len(given) == 1 and hmac.compare_digest(given[0].encode(), self.token.encode()):
                return None
            return "send the server's token in X-Mock-Control-Token"
        if not self.loopback:
            return (
                "the server does not listen on loopback only, so its control API needs a token: "
                "start it with --control-token TOKEN"
            )
        if any(site.lower() == "cross-site" for site in received.header(b"sec-fetch-site")):
            return "Sec-Fetch-Site is cross-site: web pages of other sites may not control the mock"
        for origin in received.header(b"origin"):
            if not is_loopback(_host_of(origin)):
                return "Origin is not this machine: other web pages may not control the mock"
        for host in received.header(b"host"):
            if not is_loopback(_host_of(f"//{host}")):
                return "Host is not this machine: use 127.0.0.1 or localhost"
        return None


def _host_of(url: str) -> str:
    """The host of a URL; empty if there is none or the URL is not valid."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address is a loopback one."""
    host = host.lower().removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
