"""Files with the certificates that the clients of a run trust: their usual ones, and ours."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from relace_mock import reading

#: Variables that replace a client's certificates: the bundle has its usual ones as well.
REPLACING = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
#: The variable whose certificates Node adds to its own.
ADDING = "NODE_EXTRA_CA_CERTS"
# Where systems keep their certificates, besides OpenSSL's own place.
_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, FreeBSD
)
_LARGEST = 16_000_000  # bytes of a file of certificates
_PEM = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----",
    re.DOTALL,
)


def bundle(environment: Mapping[str, str], ours: bytes) -> bytes:
    """Certificates for the variables of ``REPLACING``, as PEM.

    They are the system's, those that the variables name, and ours.
    """
    named = [Path(environment[name]) for name in REPLACING if environment.get(name)]
    return _joined([*_system(), *(pem for path in named for pem in _certificates(path))], ours)


def addition(environment: Mapping[str, str], ours: bytes) -> bytes:
    """Certificates for ``NODE_EXTRA_CA_CERTS``, as PEM: those that it names, and ours."""
    named = environment.get(ADDING)
    return _joined(_certificates(Path(named)) if named else [], ours)


def in_pem(pem: bytes) -> list[bytes]:
    """The certificates in PEM text, each in DER form. Those that are broken are left out."""
    found = []
    for each in _PEM.findall(pem):
        with contextlib.suppress(ValueError):
            found.append(ssl.PEM_cert_to_DER_cert(each.decode("ascii").strip()))
    return found


def _joined(certificates: Iterable[bytes], ours: bytes) -> bytes:
    return b"\n".join(dict.fromkeys([*certificates, *_PEM.findall(ours)])) + b"\n"


def _system() -> list[bytes]:
    paths = ssl.get_default_verify_paths()
    for place in (paths.openssl_cafile, *_PLACES):
        if certificates := list(_certificates(Path(place))):
            return certificates
    return list(_certificates(Path(paths.openssl_capath)))


def _certificates(path: Path) -> Iterator[bytes]:
    """The certificates of a file, or of the files in a folder, as PEM; none if it is unreadable."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError:
        return
    for file in files:
        with contextlib.suppress(reading.UnreadableError):
            yield from _PEM.findall(reading.contents(file, _LARGEST))
