"""Files of trusted certificates, which both commands take as ``--cacert``."""

from __future__ import annotations

import ssl
from pathlib import Path

from relace_contract.finding import CannotRun


def trusting(source: str, file: Path | str) -> ssl.SSLContext:
    """Trust the certificates in ``file``, which ``source`` names.

    Raises ``CannotRun`` if the file cannot be read or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # ssl.SSLError is one
        wrong = "it holds no certificate in PEM form"
        reason = wrong if isinstance(error, ssl.SSLError) else error.strerror
        raise CannotRun(f"{source} {file}: {reason}") from None
