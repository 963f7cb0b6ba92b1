"""Asks the upstream: the real endpoint, or another mock."""

from __future__ import annotations

import functools
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from relace_mock import contract, retry_after
from relace_mock.certificates import check_named_file
from relace_mock.messages import Headers, OutputDtype
from relace_mock.settings import SettingsError
from relace_mock.spellings import SHORTEST, Spellings, views
from relace_mock.version import __version__

#: The most seconds spent waiting because of 429s. The free tier's window is a minute (documented).
LONGEST_WAIT = 90.0
#: Header field with the name of the server that asks, so that none asks itself.
ASKER = "x-relace-mock-asker"
_CONNECT, _SILENCE, _WHOLE = 10.0, 120.0, 600.0  # seconds
_CONNECTIONS = 32
_MOST = 512_000_000  # bytes of an answer
_HIDDEN = b"<key>"
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_EPOCH = 1_000_000_000  # numbers above are seconds since 1970, numbers below seconds from now


class UpstreamError(Exception):
    """The upstream gave no answer. The message says why."""


class UpstreamAnswer(NamedTuple):
    """An answer of the upstream, without its key. ``waited`` is in seconds."""

    status: int
    headers: Headers
    body: bytes
    waits: int = 0
    waited: float = 0.0


class Upstream:
    """An endpoint that answers embed requests. Safe to use from several threads.

    ``url`` is its address, with or without ``/v1``. Raises ``SettingsError`` without httpx, and if
    ``SSL_CERT_FILE`` names a bad file of certificates.
    """

    def __init__(self, url: str, key: str | None) -> None:
        try:
            import httpx  # noqa: PLC0415 - only for a server that forwards
        except ImportError:
            raise SettingsError(
                "upstream needs the package httpx: pip install 'relace-mock[record]'"
            ) from None
        check_named_file()  # httpx reads it, too
        self._httpx = httpx
        base = url.rstrip("/").removesuffix(contract.EMBED_PATH).removesuffix("/v1")
        self._url = base + contract.EMBED_PATH
        self.host = urlsplit(base).netloc
        self._key = key
        self.name = secrets.token_hex(8)
        self._client = httpx.Client(
            timeout=httpx.Timeout(_SILENCE, connect=_CONNECT, pool=None),
            limits=httpx.Limits(max_connections=_CONNECTIONS),
            headers={"user-agent": f"relace-mock/{__version__}", ASKER: self.name},
        )

    def ask(
        self, model: str, output_dtype: OutputDtype, texts: list[str], key: str | None
    ) -> UpstreamAnswer:
        """Send a request with the upstream's key, or with ``key``; wait out its 429s.

        Raises ``UpstreamError`` if there is no answer.
        """
        body: dict[str, Any] = {"model": model, "input": texts}
        if output_dtype != "float":
            body["output_dtype"] = output_dtype
        waits, waited = 0, 0.0
        while True:
            answer = self._send(orjson.dumps(body), self._key or key)
            wait = _wait_of(answer, waits) if answer.status == 429 else None
            if wait is None or waited + wait > LONGEST_WAIT:
                return answer._replace(waits=waits, waited=waited)
            time.sleep(wait)
            waits, waited = waits + 1, waited + wait

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, content: bytes, key: str | None) -> UpstreamAnswer:
        fields = {"content-type": "application/json", "accept": "application/json"}
        if key is not None:
            fields["authorization"] = f"Bearer {key}"
        ends = time.monotonic() + _WHOLE
        pieces: list[bytes] = []
        size = 0
        try:
            with self._client.stream(
                "POST", self._url, content=content, headers=fields
            ) as response:
                for piece in response.iter_bytes():
                    pieces.append(piece)
                    size += len(piece)
                    if size > _MOST:
                        raise UpstreamError(f"its answer has more than {_MOST} bytes")
                    if time.monotonic() > ends:
                        raise UpstreamError(f"its answer was not complete after {_WHOLE:g} s")
                headers = [(name.lower(), value) for name, value in response.headers.raw]
                answer = UpstreamAnswer(response.status_code, headers, b"".join(pieces))
        except self._httpx.TimeoutException as error:
            limit = _CONNECT if isinstance(error, self._httpx.ConnectTimeout) else _SILENCE
            raise UpstreamError(f"it was silent for {limit:g} s") from None
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
            raise UpstreamError(str(error) or type(error).__name__) from None
        return _without(key, answer)


def _without(key: str | None, answer: UpstreamAnswer) -> UpstreamAnswer:
    """The answer without the key, wherever and however the upstream repeats it."""
    if not key:
        return answer
    hide = _hiding(key)
    headers = [(name, hide(value)) for name, value in answer.headers]
    return answer._replace(headers=headers, body=hide(answer.body))


@functools.lru_cache(16)
def _hiding(key: str) -> Callable[[bytes], bytes]:
    """A function that hides a key, in every spelling; a short one only as it is."""
    raw = key.encode()
    if len(raw) < SHORTEST:
        return lambda text: text.replace(raw, _HIDDEN)
    return Spellings([view.text for view in views(raw)], _HIDDEN).hidden_in


def _wait_of(answer: UpstreamAnswer, waits: int) -> float:
    """Seconds to wait after a 429: what its headers ask for, or else 1, 2, 4 and so on.

    An upstream that asks for no time at all is not asked again and again at once.
    """
    fields = {name: value.decode("latin-1").strip() for name, value in answer.headers}
    now = time.time()
    asked = retry_after.wait(fields.get(b"retry-after", ""), now)
    if asked is None:
        asked = _until_reset(fields.get(b"x-ratelimit-reset", ""), now)
    return 2.0**waits if asked is None else max(asked, 0.05 * 2**waits)


def _until_reset(field: str, now: float) -> float | None:
    """Seconds until the window ends. Relace does not document the form of this field."""
    if _NUMBER.fullmatch(field):
        number = float(field)
        return max(number - now, 0.0) if number > _EPOCH else number
    try:
        moment = datetime.fromisoformat(field)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment.timestamp() - now, 0.0)
