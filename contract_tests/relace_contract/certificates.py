"""Files of trusted certificates, which both commands take as ``--cacert``."""

from __future__ import annotations

import ssl
from pathlib import Path

from relace_contract.files import FileError, check
from relace_contract.judgement import CannotRun

#: Bytes that a file of certificates may have; the one of an operating system has some 300,000.
_MOST = 16_000_000


def trusting(source: str, file: Path | str) -> ssl.SSLContext:
    """A TLS context that trusts the certificates in ``file``.

    ``source`` is the option that named the file. Raises ``CannotRun``, which names both, if the
    file cannot be read or holds no certificate.
    """
    try:
        check(Path(file), _MOST)  # OpenSSL would never stop reading a device
        return ssl.create_default_context(cafile=file)
    except FileError as error:
        raise CannotRun(f"{source}: {error}") from None
    except OSError as error:  # ssl.SSLError is one
        wrong = "it holds no certificate in PEM form"
        reason = wrong if isinstance(error, ssl.SSLError) else error.strerror
        raise CannotRun(f"{source} {file}: {reason}") from None
