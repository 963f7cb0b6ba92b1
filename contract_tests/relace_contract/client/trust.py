"""Tell a client which certificates to trust."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from relace_contract.certificates import trusting

#: Variables that name a file of trusted certificates: for OpenSSL, Go and httpx; for curl; for
#: the Python library requests; for Node.js, which adds the file to its own certificates.
VARIABLES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


@contextlib.contextmanager
def told(cacert: Path | None) -> Iterator[None]:
    """Name ``cacert`` in the environment, for clients in this process and its child processes.

    Does nothing for None. Raises ``CannotRun`` if the file holds no certificate.
    """
    if cacert is None:
        yield
        return
    trusting("--cacert", cacert)
    before = {name: os.environ.pop(name, None) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, str(cacert.absolute())))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
