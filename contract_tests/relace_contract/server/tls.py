"""Which certificates the kit trusts, and advice for TLS failures."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import httpx

from relace_contract.certificates import trusting

_UNKNOWN_ISSUER = ("self-signed", "self signed", "unable to get local issuer")


def context(url: str, cacert: Path | None) -> ssl.SSLContext:
    """The TLS context for ``url``. Raises ``CannotRun`` if the file holds no certificate.

    ``SSL_CERT_FILE`` is read here, because httpx ignores it when told to ignore the proxies of
    the environment.
    """
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused, and quick to make
    named = os.environ.get("SSL_CERT_FILE")
    source, file = ("--cacert", cacert) if cacert else ("SSL_CERT_FILE", named)
    if not file:
        return httpx.create_ssl_context()
    trusted = trusting(source, file)
    # Python 3.13 refuses private certificates that curl and browsers accept.
    trusted.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return trusted


def hint(failure: str, cacert: Path | None) -> str:
    """Advice for a connection that failed in TLS; empty for other failures."""
    if "CERTIFICATE_VERIFY_FAILED" in failure:
        if not any(words in failure for words in _UNKNOWN_ISSUER):
            return "the certificate must be valid for the host in the URL, and not expired"
        if cacert is not None:
            return f"no certificate in --cacert {cacert} has signed that of the server"
        return "if the server's certificate is private, give its issuer's with --cacert FILE"
    if "WRONG_VERSION_NUMBER" in failure:
        return "does the server speak http instead of https?"
    return ""
