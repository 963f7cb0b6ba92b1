"""The trust store of Java, which reads neither PEM files nor the usual variables.

A trust store replaces Java's own certificates, so ours holds them as well. It has the form JKS:
every Java reads it, and this module reads and writes it without Java.
"""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from relace_mock import reading
from relace_mock.interception import hosts, trust

#: The variable with options for every Java process.
VARIABLE = "JAVA_TOOL_OPTIONS"
_PASSWORD = "changeit"  # noqa: S105 - what Java itself uses; the store holds no secret
_STORE = "-Djavax.net.ssl.trustStore="
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_LARGEST = 16_000_000  # bytes of a trust store
_DIRECT = ("localhost", "127.*", "[::1]", "0.0.0.0")  # noqa: S104 - hosts that Java reaches itself


def options(before: str, store: Path, port: int, no_proxy: Iterable[str]) -> str:
    """The value of ``JAVA_TOOL_OPTIONS``: the user's options, then ours, which take precedence."""
    direct = "|".join([*_DIRECT, *filter(None, map(_pattern, no_proxy))])
    ours = [
        f"{_STORE}{store}",
        "-Djavax.net.ssl.trustStoreType=JKS",
        f"-Djavax.net.ssl.trustStorePassword={_PASSWORD}",
        *(f"-D{scheme}.proxyHost=127.0.0.1" for scheme in ("https", "http")),
        *(f"-D{scheme}.proxyPort={port}" for scheme in ("https", "http")),
        f"-Dhttp.nonProxyHosts={direct}",
    ]
    quoted = [f'"{each}"' if " " in each else each for each in ours]
    return " ".join([*([before] if before else []), *quoted])


def store(environment: Mapping[str, str], certificates: bytes) -> bytes:
    """A trust store with Java's own certificates, or the user's, and those of a PEM text."""
    known = [certificate for path in _stores(environment) for certificate in _read(path)]
    return _written(dict.fromkeys([*known, *trust.in_pem(certificates)]))


def _pattern(entry: str) -> str:
    name = hosts.entry_name(entry)
    return f"*.{name}|{name}" if name and "/" not in name and ":" not in name else ""


def _stores(environment: Mapping[str, str]) -> Iterator[Path]:
    """The user's trust store if an option names one, else that of the installed Java."""
    with contextlib.suppress(ValueError):  # not shell words: Java will say so
        for option in reversed(shlex.split(environment.get(VARIABLE, ""))):
            if option.startswith(_STORE):
                yield Path(option.removeprefix(_STORE))
                return
    homes = [Path(environment["JAVA_HOME"])] if environment.get("JAVA_HOME") else []
    if found := shutil.which("java", path=environment.get("PATH")):
        homes.append(Path(found).resolve().parent.parent)
    for home in homes:
        for place in ("lib/security/cacerts", "jre/lib/security/cacerts"):
            if (home / place).is_file():
                yield home / place
                return


def _read(path: Path) -> list[bytes]:
    """The certificates of a trust store in the form JKS or PKCS 12, each in DER form."""
    try:
        data = reading.contents(path, _LARGEST)
    except reading.UnreadableError:
        return []
    try:
        if data[:4] == struct.pack(">I", _MAGIC):
            return list(_entries(data))
        return _pkcs12(data)
    except (ValueError, struct.error):
        return []


def _entries(data: bytes) -> Iterator[bytes]:
    """The trusted certificates of a JKS file. Raises ``struct.error`` if it is cut."""
    version, count = struct.unpack_from(">II", data, 4)
    at = 12
    for _ in range(count):
        (kind,) = struct.unpack_from(">I", data, at)
        if kind != _TRUSTED or version != _VERSION:  # a private key: not in a trust store
            return
        at += 4
        at += 2 + struct.unpack_from(">H", data, at)[0] + 8  # alias and date
        at += 2 + struct.unpack_from(">H", data, at)[0]  # the type, X.509
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def _pkcs12(data: bytes) -> list[bytes]:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - seldom needed
        Encoding,
        pkcs12,
    )

    found = pkcs12.load_pkcs12(data, _PASSWORD.encode()).additional_certs
    return [each.certificate.public_bytes(Encoding.DER) for each in found]


def _written(certificates: Iterable[bytes]) -> bytes:
    entries = [
        struct.pack(">I", _TRUSTED)
        + _text(f"trusted-{number}")
        + struct.pack(">Q", 0)
        + _text("X.509")
        + struct.pack(">I", len(certificate))
        + certificate
        for number, certificate in enumerate(certificates)
    ]
    body = struct.pack(">III", _MAGIC, _VERSION, len(entries)) + b"".join(entries)
    salted = _PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + body
    return body + hashlib.sha1(salted).digest()  # noqa: S324 - the form asks for it


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">H", len(encoded)) + encoded
