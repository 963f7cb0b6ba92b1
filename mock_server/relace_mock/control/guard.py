"""Who may steer the mock.

On loopback everyone on the machine, but no web page: a foreign ``Origin`` or ``Host`` is
refused, and what a browser calls ``cross-site``. On any other address only who knows the token.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from relace_mock.messages import Received


@dataclass(frozen=True, slots=True)
class Guard:
    """``loopback``: the server listens there only. With a ``token``, it is always needed.

    ``open_to_all``: there is no network, so there is nothing to guard.
    """

    loopback: bool = True
    token: str | None = None
    open_to_all: bool = False

    def problem(self, received: Received) -> str | None:  # noqa: PLR0911 - one return for each way to be refused
        """Why this request is not heard; None if it is."""
        if self.open_to_all:
            return None
        given = received.header(b"x-mock-control-token")
        if self.token is not None:
            if len(given) == 1 and hmac.compare_digest(given[0].encode(), self.token.encode()):
                return None
            return "send the server's token in X-Mock-Control-Token"
        if not self.loopback:
            return "off loopback the control API needs a token: start with --control-token"
        if any(site.lower() == "cross-site" for site in received.header(b"sec-fetch-site")):
            return "a web page of another site cannot steer the mock"
        for origin in received.header(b"origin"):
            if not is_loopback(_host_of(origin)):
                return "a web page of another origin cannot steer the mock"
        for host in received.header(b"host"):
            if not is_loopback(_host_of(f"//{host}")):
                return "the Host must be this machine: use 127.0.0.1 or localhost"
        return None


def _host_of(url: str) -> str:
    """The host of a URL; empty if there is none, or none that can be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as seen from itself."""
    host = host.lower().removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
