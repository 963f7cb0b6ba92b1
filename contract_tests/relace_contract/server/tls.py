"""Which certificates are trusted, and what to do about one that is not."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import httpx

from relace_contract.files import FileError, check
from relace_contract.judgement import CannotRun

#: Bytes that a file of certificates may have; those of a system have some 300,000.
_MOST = 16_000_000
_UNKNOWN_ISSUER = ("self-signed", "self signed", "unable to get local issuer")


def context(url: str, cacert: Path | None) -> ssl.SSLContext:
    """What a connection to ``url`` needs. Raises ``CannotRun`` for a file of no certificates.

    ``SSL_CERT_FILE`` counts here, too, though httpx forgets it where it is told to ignore the
    proxies of the environment.
    """
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # is not used: to load none takes no time
    named = os.environ.get("SSL_CERT_FILE")
    source, file = ("--cacert", cacert) if cacert else ("SSL_CERT_FILE", named)
    if not file:
        return httpx.create_ssl_context()
    try:
        check(Path(file), _MOST)  # OpenSSL would read a device for ever
        trusting = ssl.create_default_context(cafile=file)
    except FileError as error:
        raise CannotRun(f"{source}: {error}") from None
    except OSError as error:  # ssl.SSLError is one
        wrong = "it holds no certificate in PEM form"
        reason = wrong if isinstance(error, ssl.SSLError) else error.strerror
        raise CannotRun(f"{source} {file}: {reason}") from None
    # Python 3.13 refuses private certificates that curl and browsers accept.
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return trusting


def hint(failure: str, cacert: Path | None) -> str:
    """What to do about a connection that failed in TLS; empty if it did not."""
    if "CERTIFICATE_VERIFY_FAILED" in failure:
        if not any(words in failure for words in _UNKNOWN_ISSUER):
            return "the certificate must be valid for the host in the URL, and not expired"
        if cacert is not None:
            return f"no certificate of --cacert {cacert} has signed the server's"
        return "for a private certificate, give that of its issuer with --cacert FILE"
    if "WRONG_VERSION_NUMBER" in failure:
        return "does the server speak http instead of https?"
    return ""
