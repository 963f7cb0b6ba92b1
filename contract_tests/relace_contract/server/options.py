"""Options of a run against a server."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from relace_contract.options import RunOptions
from relace_contract.policy import NOTHING, Policy
from relace_contract.runner import Terms
from relace_contract.server.keys import API_KEY, BAD_KEY, Key, Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions(RunOptions):
    """How a server is reached and checked. ``url`` is its base URL, which ends in ``/v1``.

    The user's keys are secret; keys that the kit makes up are not. ``cacert`` is a file of
    certificates to trust instead of those of this machine.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    bad_key: str | None = field(default=None, repr=False)
    live: bool = False
    cacert: Path | None = None

    @property
    def secrets(self) -> Keys:
        """The user's keys, which no output may show."""
        given = {API_KEY: self.api_key, BAD_KEY: self.bad_key}
        return Keys(*(Key(key, name) for name, key in given.items() if key))

    @property
    def claimed(self) -> Policy:
        """The policies that the server claims; the live service claims none of ours."""
        return self.policy or (NOTHING if self.live else Policy())

    @property
    def terms(self) -> Terms:
        """How breaches are judged."""
        return Terms(
            policy=self.claimed,
            known=self.known,
            strict=self.strict,
            live=self.live,
            deadline=self.timeout,
        )

    @property
    def command(self) -> str:
        """The command that checks this server again, without ``--only`` and ``--seed``."""
        live = "--live" if self.live else ""
        words = ["relace-mock", "verify-server", shlex.quote(self.url), live, self.repeat]
        return " ".join(word for word in words if word)
