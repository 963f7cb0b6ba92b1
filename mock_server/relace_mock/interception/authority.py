"""A certificate authority that lives for the time of one run."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable

from relace_mock.interception.hosts import is_relace, normal
from relace_mock.settings import ServerError

_CONTEXTS = 500  # host names whose certificates are kept


class Authority:
    """Issues a certificate for each of Relace's hosts when a client asks for it."""

    def __init__(self) -> None:
        try:
            import trustme  # noqa: PLC0415 - an extra: only `run` needs it
        except ImportError:
            raise ServerError(
                "`run` needs the package trustme, which makes certificates: "
                "install it with pip install 'relace-mock[run]'"
            ) from None
        self._authority = trustme.CA(organization_name="relace-mock run, for this run only")
        self.context_for = functools.lru_cache(_CONTEXTS)(self._context_for)

    @property
    def certificate(self) -> bytes:
        """The certificate that clients must trust, as PEM."""
        return self._authority.cert_pem.bytes()

    def _context_for(self, host: str) -> ssl.SSLContext:
        """A TLS context for one of Relace's hosts. Raises ``ValueError`` for a bad name."""
        name = normal(host)
        context = _plain_context()
        # A client that was given `api.relace.run.` looks for exactly that name in the certificate.
        self._authority.issue_cert(name, f"{name}.").configure_cert(context)
        return context

    def context_by_name(self, on_name: Callable[[str], None]) -> ssl.SSLContext:
        """A TLS context that answers as the host that the client names (RFC 6066 section 3).

        ``on_name`` is called with that name. A client that names no host of Relace's is refused.
        """
        context = _plain_context()

        def choose(
            connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext
        ) -> int | None:
            if name is not None:
                on_name(name)
            if name is None or not is_relace(name):
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            try:
                connection.context = self.context_for(normal(name))
            except ValueError:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            return None

        context.sni_callback = choose
        return context


def _plain_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    return context
