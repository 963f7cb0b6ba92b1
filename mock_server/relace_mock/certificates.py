"""The file of certificates that a user names in ``SSL_CERT_FILE``."""

from __future__ import annotations

import os
from pathlib import Path

from relace_mock import reading
from relace_mock.settings import SettingsError

_NAME = "SSL_CERT_FILE"
_LARGEST = 16_000_000  # bytes; the file of an operating system has some 300,000


def check_named_file() -> None:
    """Check the file that ``SSL_CERT_FILE`` names, if it names one. Raises ``SettingsError``.

    OpenSSL ignores a file that is missing or has no certificate, and reads a device forever.
    """
    import ssl  # noqa: PLC0415 - few mocks speak TLS

    if not (file := os.environ.get(_NAME)):
        return
    try:
        reading.contents(Path(file), _LARGEST)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except reading.UnreadableError as error:
        raise SettingsError(f"{_NAME}: cannot read {file}: {error}") from None
    except ssl.SSLError:
        raise SettingsError(
            f"{_NAME}: {file} has no certificate in PEM form: name another file, or unset it"
        ) from None
