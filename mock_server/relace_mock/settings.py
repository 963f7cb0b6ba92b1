"""Settings of the mock: their defaults, their valid values, and their text forms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from relace_mock.durations import LONGEST, seconds_in
from relace_mock.excerpts import quoted

SpaceName = Literal["semantic", "hash"]
UnknownKeyStatus = Literal[404, 401]
BinaryDtype = Literal["int8", "uint8"]
BitOrder = Literal["big", "little"]
ResetForm = Literal["epoch", "iso", "seconds"]
Http = Literal["auto", "httptools", "h11"]
Contract = Literal["observed", "documented"]
OnMiss = Literal["error", "synthesize", "forward"]

# An origin (RFC 6454 section 7) has a scheme, a host and perhaps a port, but no path, not even `/`.
_ORIGIN = re.compile(r"(?i)[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
_UPSTREAM = re.compile(r"(?i)https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?(/[^?#\s@]*)?")
_LARGEST_TIME_SCALE = 100.0
_STORE = re.compile(r"rediss?://[^/?#\s]")
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SIZE = re.compile(r"(\d+)\s*([kKmMgG]?)(i?)[bB]?")


class SettingsError(ValueError):
    """A setting has an invalid value. The message names the setting and shows the right form."""

    @property
    def brief(self) -> str:
        """The message on one line."""
        return str(self)


class ServerError(Exception):
    """The server cannot start, cannot be reached or refuses. The message says why on one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How the mock answers. Raises ``SettingsError`` for a value out of range.

    Each field is also an option of ``relace-mock serve`` and an environment variable:
    ``cache_bytes`` is ``--cache-bytes`` and ``RELACE_MOCK_CACHE_BYTES``.
    """

    #: API keys to accept. Without any, every key is accepted.
    api_keys: tuple[str, ...] = ()
    #: HTTP status for a key that is not accepted. The documentation has both (policy: 404).
    unknown_key_status: UnknownKeyStatus = 404
    #: Seed of the vectors. Another seed gives every text another vector.
    seed: int = 0
    #: ``semantic``: similar code gets similar vectors. ``hash``: vectors are unrelated.
    embedding: SpaceName = "semantic"
    #: Length of each vector (observed: 2560).
    dimensions: int = 2560
    #: Whether the bytes of a ``binary`` vector are signed or unsigned (policy: signed).
    binary_dtype: BinaryDtype = "int8"
    #: Whether the first of eight dimensions is a byte's most significant bit (policy: big).
    bit_order: BitOrder = "big"
    #: Whether requests that are only observed to work are answered and noted, or refused.
    contract: Contract = "observed"
    #: Largest request body, in bytes (documented: 50 MB, on the general error page).
    max_body: int = 50_000_000
    #: Largest number of texts, or of files to rank, in one request (policy).
    max_inputs: int = 2048
    #: The scenario for every key without its own: a name or a file.
    scenario: str | None = None
    #: A folder of scenarios, in addition to the bundled ones.
    scenarios: Path | None = None
    #: Seed of the draws of scenarios with ``chance``.
    scenario_seed: int = 0
    #: A quota for each key, such as ``3/60s``.
    rate_limit: str | None = None
    #: Form of the header X-RateLimit-Reset (policy: seconds since 1970).
    rate_limit_reset: ResetForm = "epoch"
    #: Number of requests that the journal keeps.
    journal_size: int = 10_000
    #: Memory for the journal, in bytes.
    journal_bytes: int = 32_000_000
    #: Number of API keys whose state is kept.
    max_namespaces: int = 20_000
    #: Idle time, in seconds, after which even state that a test may rely on can be dropped.
    namespace_ttl: float = 3600.0
    #: Token that control requests must send in ``X-Mock-Control-Token``. Without one, only a
    #: server on loopback has a control API.
    control_token: str | None = None
    #: Origins of web pages that may read responses: ``https://app.example``, or ``*`` for all.
    cors: tuple[str, ...] = ()
    #: Factor for the length of delays, drips and hangs.
    time_scale: float = 1.0
    #: Whether scenario files are read again when they change.
    reload: bool = False
    #: Memory for rendered vectors of texts that are sent again, in bytes.
    cache_bytes: int = 32_000_000
    #: Address of a real endpoint, with or without ``/v1``, which answers what is not recorded.
    upstream: str | None = None
    #: API key for the upstream. Without one, each request's own key is sent.
    upstream_key: str | None = field(default=None, repr=False)
    #: The recording that keeps the vectors of the upstream, and answers what it holds already.
    record: Path | None = None
    #: Whether the recording keeps the texts too, not only their hashes.
    keep_text: bool = False
    #: The recording to answer from.
    replay: Path | None = None
    #: What to do with texts that are not recorded; None for ``forward`` with an upstream, else
    #: ``error``.
    on_miss: OnMiss | None = None
    #: Where state and journal are: ``memory``, or the URL of a Redis that several processes share.
    store: str = field(default="memory", repr=False)
    #: Beginning of the store's keys. Mocks with other prefixes share nothing.
    store_prefix: str = "relace-mock"
    #: Time in seconds after which the store drops what nobody used.
    store_ttl: float = 86_400.0
    #: Time in seconds that a request waits for the store before it gets a 500.
    store_timeout: float = 2.0

    def __post_init__(self) -> None:
        _one_of("unknown-key-status", self.unknown_key_status, get_args(UnknownKeyStatus))
        _one_of("embedding", self.embedding, get_args(SpaceName))
        _one_of("binary-dtype", self.binary_dtype, get_args(BinaryDtype))
        _one_of("bit-order", self.bit_order, get_args(BitOrder))
        _one_of("contract", self.contract, get_args(Contract))
        _at_least("max-body", self.max_body, 1)
        _one_of("rate-limit-reset", self.rate_limit_reset, get_args(ResetForm))
        _at_least("scenario-seed", self.scenario_seed, 0)
        _at_least("journal-size", self.journal_size, 0)
        _at_least("journal-bytes", self.journal_bytes, 0)
        _at_least("max-namespaces", self.max_namespaces, 1)
        _duration("namespace-ttl", self.namespace_ttl)
        if self.control_token is not None and not (
            self.control_token.isascii()
            and self.control_token.isprintable()
            and self.control_token.strip()
        ):
            raise SettingsError(
                "control-token must be printable ASCII characters, and not only spaces"
            )
        if self.rate_limit is not None:
            parse_rate(self.rate_limit)
        _origins(self.cors)
        if (
            type(self.time_scale) not in (int, float)
            or not 0 < self.time_scale <= _LARGEST_TIME_SCALE
        ):
            raise SettingsError(
                f"time-scale must be a number above 0 and at most {_LARGEST_TIME_SCALE:g}, "
                f"such as 0.001, not {self.time_scale!r}"
            )
        _at_least("max-inputs", self.max_inputs, 1)
        _at_least("cache-bytes", self.cache_bytes, 0)
        _store(self.store, self.store_prefix)
        _duration("store-ttl", self.store_ttl)
        _duration("store-timeout", self.store_timeout)
        if self.store_ttl < self.namespace_ttl and self.store != "memory":
            raise SettingsError(
                f"store-ttl must be at least namespace-ttl, {self.namespace_ttl:g}s, "
                f"not {self.store_ttl:g}s"
            )
        _at_least("seed", self.seed, 0)
        if type(self.dimensions) is not int or self.dimensions not in range(8, 8193, 8):
            raise SettingsError(
                f"dimensions must be a multiple of 8 from 8 to 8192, not {self.dimensions!r}"
            )
        if not isinstance(self.api_keys, (tuple, list, set, frozenset)):
            raise SettingsError("api_keys must be a tuple of keys, such as ('rlc-test',)")
        for key in self.api_keys:
            if (
                not isinstance(key, str)
                or not key
                or key != "".join(key.split())
                or not key.isascii()
            ):
                raise SettingsError("api-key must be ASCII characters without blanks")
        _recording(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listening:
    """The address, HTTP parser, certificate and access log of a server. Port 0 picks any free port.

    Raises ``SettingsError`` for a value out of range.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    http: Http = "auto"
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    #: Seconds in which a whole request must have come.
    read_timeout: float = 30.0
    #: Connections at once; None for as many as there are descriptors.
    max_connections: int | None = None
    #: Whether the server writes a line for each request to standard error.
    access_log: bool = False
    #: Processes that serve the port together. More than one needs a shared store.
    workers: int = 1
    #: The file that gets the journal as one HTML page when the server ends.
    trace: Path | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.host, str):
            raise SettingsError(f"host must be a string such as 127.0.0.1, not {self.host!r}")
        if type(self.port) is not int or self.port not in range(65536):
            raise SettingsError(f"port must be from 0 to 65535, not {self.port!r}")
        _one_of("http", self.http, get_args(Http))
        _duration("read-timeout", self.read_timeout)
        if self.max_connections is not None:
            _at_least("max-connections", self.max_connections, 1)
        _at_least("workers", self.workers, 1)


def _one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} must be {' or '.join(map(str, choices))}, not {value!r}")


def _origins(origins: object) -> None:
    if not isinstance(origins, (tuple, list, set, frozenset)):
        raise SettingsError("cors must be a tuple of origins, such as ('https://app.example',)")
    for origin in origins:
        if not isinstance(origin, str) or (origin != "*" and not _ORIGIN.fullmatch(origin)):
            raise SettingsError(
                "cors must be an origin without a path, such as https://app.example or "
                f"http://localhost:3000, or * for all, not {origin!r}"
            )


def _recording(settings: Settings) -> None:
    """Check the settings of recording and replaying, and that they fit together."""
    on_miss, upstream = settings.on_miss, settings.upstream
    _upstream(upstream, settings.upstream_key)
    if on_miss is not None:
        _one_of("on-miss", on_miss, get_args(OnMiss))
    if settings.record is not None:
        _recorder(settings)
    if settings.keep_text and settings.record is None:
        raise SettingsError("keep-text needs a recording to keep texts in: add --record FILE")
    if on_miss == "forward" and upstream is None:
        raise SettingsError("on-miss forward needs an endpoint to forward to: add --upstream URL")
    if on_miss is not None and settings.replay is None and upstream is None:
        raise SettingsError("on-miss needs a recording that may miss a text: add --replay FILE")


def _upstream(upstream: str | None, key: str | None) -> None:
    """Check the address of the upstream, and its key. The messages repeat neither."""
    if upstream is not None and not _UPSTREAM.fullmatch(upstream):
        raise SettingsError(
            "upstream must be the URL of an endpoint without user, password or query, such as "
            "https://embeddings.endpoint.relace.run"
        )
    if key is not None and (not key or key != "".join(key.split()) or not key.isascii()):
        raise SettingsError("upstream-key must be ASCII characters without blanks")


def _recorder(settings: Settings) -> None:
    """Check that the settings fit a server that records."""
    if settings.upstream is None:
        raise SettingsError("record needs an endpoint to record from: add --upstream URL")
    if settings.replay is not None:
        raise SettingsError(
            "record and replay exclude each other: --record FILE also answers what FILE holds"
        )
    if settings.on_miss not in (None, "forward"):
        raise SettingsError(
            f"record with on-miss {settings.on_miss} would record nothing: leave --on-miss out"
        )


def refuse_several_recorders(settings: Settings, workers: int) -> None:
    """Refuse to record with several workers. Raises ``SettingsError``."""
    if settings.record is not None and workers > 1:
        raise SettingsError(
            f"record works with one worker, not with {workers}: only one process can write a "
            "recording. Leave --workers out while you record"
        )


def _store(store: object, prefix: object) -> None:
    """Refuse a bad store, without its URL: that may hold a password."""
    if not isinstance(store, str) or not (store == "memory" or _STORE.match(store)):
        raise SettingsError(
            "store must be memory, or a URL such as redis://127.0.0.1:6379/0 or rediss://HOST:PORT "
            "(with TLS)"
        )
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise SettingsError(
            "store-prefix must be up to 64 letters, digits, . : _ or -, such as relace-mock, "
            f"not {prefix!r}"
        )


def _duration(name: str, seconds: float) -> None:
    if type(seconds) not in (int, float) or not 0 < seconds <= LONGEST:
        raise SettingsError(
            f"{name} must be a duration such as 30s, more than 0 and at most a year, not {seconds!r}"
        )


def _at_least(name: str, value: int, least: int) -> None:
    if type(value) is not int or value < least:
        raise SettingsError(f"{name} must be a whole number, at least {least}, not {value!r}")


def parse_rate(text: str) -> tuple[int, float]:
    """Parse a quota: ``3/60s`` is 3 requests in 60 seconds. Raises ``SettingsError``."""
    number, _, per = text.strip().partition("/")
    requests = int(number) if re.fullmatch("[0-9]{1,9}", number) else 0
    seconds = seconds_in(per) or 0.0
    if requests < 1 or not 0 < seconds <= LONGEST:
        raise SettingsError(
            "rate-limit must be requests/time, such as 3/60s, with a time of at most a year, "
            f"not {text!r}"
        )
    return requests, seconds


def parse_duration(text: str) -> float:
    """Parse a duration into seconds: ``1h`` is 3600.0, ``250ms`` is 0.25. Raises ``ValueError``."""
    seconds = seconds_in(text.strip())
    if seconds is None:
        raise ValueError(f"{quoted(text, 40)} is not a duration: write 250ms, 30s, 10m or 1h")
    return seconds


def parse_size(text: str) -> int:
    """Parse a size into bytes: ``50MB`` is 50000000, ``64KiB`` is 65536. Raises ``ValueError``."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size: write bytes, or 64KB, 50MB, 64MiB")
    number, unit, binary = match.groups()
    if binary and not unit:
        raise ValueError(f"{text!r} is not a size: write bytes, or 64KB, 50MB, 64MiB")
    base = 1024 if binary else 1000
    power: int = " kmg".index(unit.lower() or " ")
    return int(number) * int(base**power)
