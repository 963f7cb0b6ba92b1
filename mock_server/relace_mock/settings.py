"""What a user can set, its defaults, and what each value may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

SpaceName = Literal["semantic", "hash"]
UnknownKeyStatus = Literal[404, 401]
BinaryDtype = Literal["int8", "uint8"]
BitOrder = Literal["big", "little"]
ResetForm = Literal["epoch", "iso", "seconds"]
Http = Literal["auto", "httptools", "h11"]

_RATE = re.compile(r"(\d{1,9})/(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)")
_LONGEST = 366 * 86400.0  # seconds
_SIZE = re.compile(r"(\d+)\s*([kKmMgG]?)(i?)[bB]?")


class SettingsError(ValueError):
    """A setting that cannot be honoured; the message names it and what would be right."""


class ServerError(Exception):
    """The server cannot start. The message is one line: why, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How the mock answers. Raises ``SettingsError`` for a value out of range.

    Each is an option of ``relace-mock serve`` and an environment variable too:
    ``cache_bytes`` is ``--cache-bytes`` and ``RELACE_MOCK_CACHE_BYTES``.
    """

    #: Keys that are known; none means that every key is.
    api_keys: tuple[str, ...] = ()
    #: What a key gets that is not known. The documentation has both (policy: 404).
    unknown_key_status: UnknownKeyStatus = 404
    #: Moves every vector.
    seed: int = 0
    embedding: SpaceName = "semantic"
    #: Components of a vector (observed: 2560).
    dimensions: int = 2560
    #: How a byte of a ``binary`` vector is written (policy: signed).
    binary_dtype: BinaryDtype = "int8"
    #: Whether the first of eight dimensions is a byte's most significant bit (policy: big).
    bit_order: BitOrder = "big"
    #: Bytes of a request body (documented: 50 MB, on the general error page).
    max_body: int = 50_000_000
    #: Texts in one request (policy).
    max_inputs: int = 2048
    #: The scenario that is played to every key without one of its own: a name, or a file.
    scenario: str | None = None
    #: A folder of scenarios, beside the bundled ones.
    scenarios: Path | None = None
    #: Moves what chance decides.
    scenario_seed: int = 0
    #: A quota for each key, as ``3/60s``.
    rate_limit: str | None = None
    #: How X-RateLimit-Reset is written (policy: seconds since 1970).
    rate_limit_reset: ResetForm = "epoch"
    #: Requests that the journal keeps.
    journal_size: int = 10_000
    #: Bytes that the journal keeps.
    journal_bytes: int = 32_000_000
    #: API keys whose state is kept.
    max_namespaces: int = 1000
    #: What steers the mock must send, off loopback always (``X-Mock-Control-Token``).
    control_token: str | None = None
    #: Whether scenario files are read again when they change.
    reload: bool = False
    #: Bytes of rendered vectors that are kept for texts that come again.
    cache_bytes: int = 32_000_000

    def __post_init__(self) -> None:
        _one_of("unknown-key-status", self.unknown_key_status, get_args(UnknownKeyStatus))
        _one_of("embedding", self.embedding, get_args(SpaceName))
        _one_of("binary-dtype", self.binary_dtype, get_args(BinaryDtype))
        _one_of("bit-order", self.bit_order, get_args(BitOrder))
        _at_least("max-body", self.max_body, 1)
        _one_of("rate-limit-reset", self.rate_limit_reset, get_args(ResetForm))
        _at_least("scenario-seed", self.scenario_seed, 0)
        _at_least("journal-size", self.journal_size, 0)
        _at_least("journal-bytes", self.journal_bytes, 0)
        _at_least("max-namespaces", self.max_namespaces, 1)
        if self.control_token is not None and not (
            self.control_token.isascii()
            and self.control_token.isprintable()
            and self.control_token.strip()
        ):
            raise SettingsError("control-token must be printable ASCII characters, at least one")
        if self.rate_limit is not None:
            parse_rate(self.rate_limit)
        _at_least("max-inputs", self.max_inputs, 1)
        _at_least("cache-bytes", self.cache_bytes, 0)
        _at_least("seed", self.seed, 0)
        if type(self.dimensions) is not int or self.dimensions not in range(8, 8193, 8):
            raise SettingsError(
                f"dimensions must be a multiple of 8 from 8 to 8192, not {self.dimensions!r}"
            )
        if not isinstance(self.api_keys, (tuple, list, set, frozenset)):
            raise SettingsError("api_keys must be a tuple of keys")
        for key in self.api_keys:
            if (
                not isinstance(key, str)
                or not key
                or key != "".join(key.split())
                or not key.isascii()
            ):
                raise SettingsError("api-key must be ASCII characters without blanks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listening:
    """Where the server listens and how it speaks. Port 0 takes any free one.

    Raises ``SettingsError`` for a value out of range.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    http: Http = "auto"
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None

    def __post_init__(self) -> None:
        if self.port not in range(65536):
            raise SettingsError(f"port must be from 0 to 65535, not {self.port!r}")
        _one_of("http", self.http, get_args(Http))


def _one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} must be {' or '.join(map(str, choices))}, not {value!r}")


def _at_least(name: str, value: int, least: int) -> None:
    if type(value) is not int or value < least:
        raise SettingsError(f"{name} must be a whole number, at least {least}, not {value!r}")


def parse_rate(text: str) -> tuple[int, float]:
    """``3/60s`` is 3 requests in 60 seconds. Raises ``SettingsError``."""
    match = _RATE.fullmatch(text.strip())
    requests, per, unit = match.groups() if match else ("0", "0", "s")
    seconds = float(per) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]
    if int(requests) < 1 or not 0 < seconds <= _LONGEST:
        raise SettingsError(
            f"rate-limit must be as 3/60s, requests/time of at most a year, not {text!r}"
        )
    return int(requests), seconds


def parse_size(text: str) -> int:
    """``50MB`` is 50,000,000 bytes, ``64KiB`` 65,536. Raises ``ValueError``."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size: write bytes, or 64KB, 50MB, 64MiB")
    number, unit, binary = match.groups()
    if binary and not unit:
        raise ValueError(f"{text!r} is not a size: write bytes, or 64KB, 50MB, 64MiB")
    base = 1024 if binary else 1000
    power: int = " kmg".index(unit.lower() or " ")
    return int(number) * int(base**power)
