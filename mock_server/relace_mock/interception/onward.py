"""Connections to the hosts that are not Relace's: direct, or through the user's own proxy."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from relace_mock.interception import hosts
from relace_mock.interception.heads import END, Target
from relace_mock.interception.streams import PATIENCE, Stream, open_stream
from relace_mock.settings import ServerError


class RefusedByProxyError(OSError):
    """The user's own proxy does not pass a connection on."""


@dataclass(frozen=True, slots=True)
class OtherProxy:
    """A proxy that the user's variables name."""

    host: str
    port: int
    secure: bool
    credentials: bytes | None = field(repr=False)

    async def connect(self) -> Stream:
        """Open a connection to the proxy. Raises ``OSError``."""
        context = ssl.create_default_context() if self.secure else None
        return await open_stream(self.host, self.port, context)

    async def tunnel(self, target: Target) -> Stream:
        """Open a tunnel through the proxy. Raises ``OSError``."""
        name = f"[{target.host}]" if ":" in target.host else target.host
        authority = f"{name}:{target.port}".encode()
        fields = [b"CONNECT %b HTTP/1.1" % authority, b"Host: " + authority]
        if self.credentials is not None:
            fields.append(b"Proxy-Authorization: " + self.credentials)
        async with contextlib.AsyncExitStack() as unless_it_opens:
            stream = await unless_it_opens.enter_async_context(await self.connect())
            await stream.send(b"\r\n".join(fields) + END)
            status = await _status(stream)
            if not status.startswith("2"):
                said = f"answered {status}" if status else "gave no answer"
                raise RefusedByProxyError(f"the proxy {self.host}:{self.port} {said}")
            unless_it_opens.pop_all()
        return stream


async def _status(stream: Stream) -> str:
    """Read the head of a proxy's answer, and return its status; empty if there is none."""
    try:
        answer = await asyncio.wait_for(stream.reader.readuntil(END), PATIENCE)
    except (EOFError, asyncio.LimitOverrunError, OSError):
        return ""
    _, _, rest = answer.partition(b" ")
    return rest[:3].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Onward:
    """The ways to other hosts, as the user's variables say."""

    http: OtherProxy | None
    https: OtherProxy | None
    no_proxy: tuple[str, ...]

    def proxy_for(self, target: Target, *, tunnelled: bool) -> OtherProxy | None:
        """The user's proxy for a host; None if it is reached without one."""
        if hosts.is_here(target.host) or hosts.bypasses(self.no_proxy, target.host, target.port):
            return None
        return self.https if tunnelled else self.http

    async def tunnel(self, target: Target) -> Stream:
        """Connect to a host for a client that speaks to it itself. Raises ``OSError``."""
        proxy = self.proxy_for(target, tunnelled=True)
        if proxy is None:
            return await open_stream(target.host, target.port)
        return await proxy.tunnel(target)


def onward(environment: Mapping[str, str]) -> Onward:
    """Read the user's proxy variables. Raises ``ServerError`` for a proxy of another kind."""

    def chosen(*names: str) -> OtherProxy | None:
        for name in names:
            if value := environment.get(name, "").strip():
                return _proxy(name, value)
        return None

    every = ("all_proxy", "ALL_PROXY")
    return Onward(
        http=chosen("http_proxy", "HTTP_PROXY", *every),
        https=chosen("https_proxy", "HTTPS_PROXY", *every),
        no_proxy=tuple(
            hosts.entries(environment.get("no_proxy") or environment.get("NO_PROXY", ""))
        ),
    )


def _proxy(name: str, value: str) -> OtherProxy:
    problem = f"{name} is not the URL of an HTTP proxy: write http://HOST:PORT, or unset it"
    try:
        url = urlsplit(value if "://" in value else f"http://{value}")
        port = url.port
    except ValueError:
        raise ServerError(problem) from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ServerError(problem)
    secure = url.scheme == "https"
    return OtherProxy(url.hostname, port or (443 if secure else 80), secure, _credentials(url))


def _credentials(url: SplitResult) -> bytes | None:
    if url.username is None:
        return None
    pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return b"Basic " + base64.b64encode(pair.encode())
