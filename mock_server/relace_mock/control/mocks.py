"""The server of a test session: mocks by name, each with a key of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from relace_mock.control.remote import RemoteControl
from relace_mock.counts import of_all
from relace_mock.settings import ServerError, SettingsError


class MockServer:
    """A server, and the mocks of one test session on it.

    ``base_url`` is the value for ``RELACE_BASE_URL``. ``control_token`` is the server's, if it
    was started with one. With ``records``, the ``replay`` of each mock records the texts that a
    recording lacks. Two sessions on one server never have the same key.
    """

    def __init__(
        self,
        base_url: str,
        *,
        control_token: str | None = None,
        folders: Sequence[Path] = (),
        records: bool = False,
    ) -> None:
        self.base_url = base_url
        self._control_token = control_token
        self._folders = folders
        self._records = records
        self._replayed: set[str] = set()
        self._owner = os.getpid()
        self._session = secrets.token_hex(16)
        self._mocks: dict[str, RemoteControl] = {}

    def __repr__(self) -> str:
        return f"<MockServer {self.base_url}>"

    @property
    def url(self) -> str:
        """The server's root, where ``/openapi.json`` and ``/_mock/`` are."""
        return self.base_url.removesuffix("/v1")

    def mock(self, name: str) -> RemoteControl:
        """Return the mock of a name; the same one for the same name in this session.

        It lives until the session ends. ``reset()`` returns it to its beginning.
        """
        if not isinstance(name, str):
            raise TypeError(
                f"the name of a mock must be a string, as in mock('module'), not {name!r:.80}"
            )
        if name not in self._mocks:
            self._mocks[name] = self.control(f"mock {name}", self._folders)
        return self._mocks[name]

    def control(self, purpose: str, folders: Sequence[Path]) -> RemoteControl:
        """Return a mock whose key is derived from the session and a purpose."""
        digest = hashlib.sha256(f"{self._session} {purpose}".encode()).hexdigest()
        return RemoteControl(
            self.base_url,
            f"rlc-{digest[:32]}",
            control_token=self._control_token,
            folders=folders,
            records=self._records,
            replayed=self._replayed,
        )

    def unused(self) -> list[str]:
        """A line for each recording that mocks have replayed, if some of it was never used."""
        lines = []
        for file in sorted(self._replayed):
            mock = self.mock(f"what was not used of {file}")
            with contextlib.suppress(ServerError, SettingsError):  # the server or the file is gone
                mock.replay(file)
                (found,) = mock.recordings()
                if rest := found["vectors"] - found["used"]:
                    recorded, noun = found["vectors"], "recorded vector"
                    vectors = of_all(rest, recorded, noun, one="was", many="were")
                    lines.append(f"{file}: {vectors} never used")
        return lines

    def close(self) -> None:
        """Let the server forget the named mocks, unless this process is a fork of theirs."""
        if os.getpid() != self._owner:
            return
        for mock in self._mocks.values():
            with contextlib.suppress(ServerError):  # a server that is gone has forgotten
                mock.forget()
