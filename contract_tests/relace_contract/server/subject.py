"""The server under test, as the checks use it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from relace_contract.judgement import CannotRun, Departure, NotExercised
from relace_contract.server.keys import API_KEY, Key, Keys
from relace_contract.server.options import ServerOptions
from relace_contract.server.pace import Pace
from relace_contract.server.remedies import remedy
from relace_contract.server.round_trip import Headers, Request, RoundTrip
from relace_contract.server.tls import context
from relace_contract.server.watch import WATCHES, Dimensions, cause

MODEL = "relace-embed-v1"
JSON: Headers = (("Content-Type", "application/json"),)
#: Seconds to connect, and to wait for the next bytes of an answer.
_CONNECT, _READ = 3.0, 10.0
#: Bytes of a body; an answer with more counts as no answer.
_MOST = 256_000_000


class Server:
    """Sends requests, and judges every answer. Safe to use from several threads."""

    def __init__(self, options: ServerOptions, pace: Pace | None = None) -> None:
        self.options = options
        self.pace = pace or Pace()
        self.silent = False
        made_up = hashlib.sha256(b"%d" % options.seed).hexdigest()[:32]
        self.api_key = options.api_key or f"rlc-kit{made_up[3:]}"
        self.bad_key = options.bad_key or f"rlc-bad{made_up[3:]}"
        #: A made-up key, for places where no key belongs; it is never the user's.
        self.stray_key = f"rlc-odd{made_up[3:]}"
        self._secrets = options.secrets
        sent = (self.api_key, self.bad_key, self.stray_key)
        self._sent_keys = Keys(*(Key(key, "") for key in sent))
        self._tls = context(options.url, options.cacert)
        self._client = self._connect()
        self._noticed: list[tuple[str, Departure]] = []
        self._said: set[tuple[str, str]] = set()
        self._dimensions = Dimensions()
        self._abandoned: set[threading.Thread] = set()
        self._answers: dict[Request, RoundTrip] = {}
        #: The answer of each path of the ranker to a valid request, which is sent once.
        self.probes: dict[str, RoundTrip] = {}
        #: The answers that ``limits`` got while it spent the quota, which it does once.
        self.counted: list[RoundTrip] = []

    def _connect(self) -> httpx.Client:
        host = urlsplit(self.options.url).hostname or ""
        return httpx.Client(
            timeout=httpx.Timeout(_READ, connect=_CONNECT),
            # Never reach this machine through a proxy.
            trust_env=host not in {"127.0.0.1", "::1", "localhost"},
            verify=self._tls,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )

    @property
    def authorization(self) -> Headers:
        """The header of a good key."""
        return (("Authorization", f"Bearer {self.api_key}"),)

    @property
    def waited(self) -> float:
        """Seconds spent waiting for 429s and for gaps between requests."""
        return self.pace.waited

    def noticed(self) -> list[tuple[str, Departure]]:
        """Departures in the answers to any check, since the last call of this method."""
        noticed, self._noticed = self._noticed, []
        return noticed

    def command(self, *identities: str) -> str:
        """The command that runs these checks again."""
        only = " ".join(f"--only {one}" for one in identities)
        return f"{self.options.command} {only} --seed {self.options.seed}"

    def abandon(self, thread: threading.Thread) -> None:
        """Let a check that takes too long end at its next request."""
        self._abandoned.add(thread)
        self.silent = True
        self._client.close()
        self._client = self._connect()

    def embed(self, texts: Sequence[str], *, fresh: bool = False, **fields: Any) -> RoundTrip:
        """Ask for vectors as a well-behaved client does."""
        body = {"model": MODEL, "input": list(texts), **fields}
        return self.ask(json.dumps(body, ensure_ascii=False).encode(), fresh=fresh)

    def ask(
        self,
        body: bytes = b"",
        *,
        method: str = "POST",
        path: str = "/code/embed",
        authorization: Headers | None = None,
        headers: Headers = (*JSON, ("Accept", "*/*")),
        recipe: str = "",
        fresh: bool = False,
    ) -> RoundTrip:
        """Send a request and return its round trip; nothing is raised for a bad answer.

        ``path`` is appended to the base URL; a path that begins with a version replaces its
        ``/v1``. The live service gets each request only once, and its answer is kept; ``fresh``
        sends the request again.
        """
        sent = self.authorization if authorization is None else authorization
        versioned = path.startswith(("/v1/", "/v2/"))
        base = self.options.url.removesuffix("/v1") if versioned else self.options.url
        url = base + path
        request = Request(method, url, (*sent, *headers), body, recipe)
        if self.options.live and not fresh and request in self._answers:
            return self._answers[request]
        trip = self._answered(request)
        if self.options.live:
            self._answers[request] = trip
        self.silent = not trip.status
        if trip.status and method == "POST" and path == "/code/embed":
            self.look_at(trip)
        elif trip.status:
            self.look_at(trip, "ENV-key", "ENV-clean")
        return trip

    def _answered(self, request: Request) -> RoundTrip:
        """The answer to a request; after a 429 it waits and repeats the request."""
        self.pace.before()
        for _ in range(self.pace.attempts):
            trip = self._send(request)
            if trip.status != 429:
                return trip
            self.look_at(trip)
            if not self.pace.after_429(trip):
                raise NotExercised(
                    "the server asks to wait longer than this run allows: give it a larger quota, "
                    "or use --live",
                    trip.evidence(),
                )
        return trip

    def once(self, request: Request) -> RoundTrip:
        """Send a request once; a 429 is returned, not waited out."""
        trip = self._send(request)
        if trip.status:
            self.look_at(trip)
        return trip

    def _send(self, request: Request) -> RoundTrip:
        if threading.current_thread() in self._abandoned:
            raise CannotRun("this check ran out of time")
        failure = ""
        for _ in range(2):  # the first may have used a connection that was just closed
            # Not the client's `post`, which adds other headers.
            asked = httpx.Request(
                request.method,
                request.url,
                headers=[(name.encode(), value.encode()) for name, value in request.headers],
                content=request.body,
            )
            try:
                answer = self._client.send(asked, stream=True)
                connection = _local_port(answer)
                body = _read(answer)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                failure = str(error) or "the connection was closed"
            except httpx.TimeoutException as error:
                kind = type(error).__name__.removesuffix("Timeout").lower()
                return self._redacted(request, failure=f"timed out ({kind})")
            except (
                _EndlessError,
                httpx.TransportError,
                httpx.DecodingError,
                httpx.InvalidURL,
            ) as error:
                return self._redacted(request, failure=str(error) or type(error).__name__)
            else:
                return self._redacted(
                    request,
                    status=answer.status_code,
                    headers=tuple(answer.headers.multi_items()),
                    body=body,
                    connection=connection,
                )
        return self._redacted(request, failure=failure)

    def _redacted(self, request: Request, **answer: Any) -> RoundTrip:
        """A round trip without any secret, even if the server repeated it."""
        given = self.options.api_key or ""
        headers = tuple(  # hides even a key that is too short for `Keys`
            (name, value.replace(given, API_KEY) if given and name == "Authorization" else value)
            for name, value in request.headers
        )
        cacert = str(self.options.cacert or "")
        shown = dataclasses.replace(request, headers=headers, cacert=cacert)
        trip = RoundTrip(
            shown,
            at=time.time(),
            repeats_key=self._place_of_key(answer),
            authorized=self.authorization[0] in request.headers,
            **answer,
        )
        return self._secrets.hide(trip)

    def _place_of_key(self, answer: Mapping[str, Any]) -> str:
        """The place where an error repeats a key that was sent; empty if it does not."""
        if answer.get("status", 0) < 400:
            return ""
        if self._sent_keys.found_in(answer["body"].decode("latin-1")):
            return "its body"
        found = (name for name, value in answer["headers"] if self._sent_keys.found_in(value))
        return next((f"its header {name}" for name in found), "")

    def look_at(self, trip: RoundTrip, *only: str) -> None:
        """Judge an answer by the requirements for all answers, or by those in ``only``."""
        for identity, watch in WATCHES.items():
            if (not only or identity in only) and (problem := watch(trip)):
                self._notice(identity, problem, trip)
        if trip.status == 200 and not only and (found := self._dimensions.look(trip)):
            problem, earlier = found
            self._notice("DIM-one", problem, earlier, trip)

    def _notice(self, identity: str, problem: str, *trips: RoundTrip) -> None:
        """Keep a problem, unless it has been noticed before."""
        if (identity, problem) not in self._said:
            self._said.add((identity, problem))
            departure = Departure(
                problem,
                *(trip.evidence() for trip in trips),
                cause=cause(identity, trips[-1]),
                remedy=remedy(*trips),
            )
            self._noticed.append((identity, departure))

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _EndlessError(Exception):
    """An answer that is too long."""


def _read(answer: httpx.Response) -> bytes:
    """The body of an answer. Raises ``_EndlessError``."""
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > _MOST:
            answer.close()
            raise _EndlessError(f"the answer has more than {_MOST:,} bytes")
    return bytes(body)


def _local_port(answer: httpx.Response) -> int:
    """The local port of a request, which identifies its connection; 0 if it is unknown."""
    stream = answer.extensions.get("network_stream")
    address = stream.get_extra_info("client_addr") if stream is not None else None
    return int(address[1]) if address else 0
