"""Options of a run against a client."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from relace_contract.adapters.command import Command
from relace_contract.adapters.in_process import InProcess, load
from relace_contract.adapters.protocol import Adapter
from relace_contract.adapters.stdio import Stdio
from relace_contract.options import RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions(RunOptions):
    """How a client is started and checked.

    ``way`` says what ``client`` is: a program for ``stdio``, a ``command``, or a ``python`` object.
    """

    way: Literal["stdio", "command", "python"]
    client: str
    features: tuple[str, ...] = ()
    jobs: int = 6
    #: File of certificates that the client should trust; its environment names the file.
    cacert: Path | None = None

    @property
    def again(self) -> str:
        """The command that checks this client again, without ``--only`` and ``--seed``."""
        features = "".join(f" --feature {one}" for one in self.features)
        client = f"--{self.way} {shlex.quote(self.client)}{features}"
        return f"relace-mock verify-client {client} {self.repeat}".rstrip()

    def adapter(self) -> Adapter:
        """A driver of the client. Raises ``AdapterError``."""
        match self.way:
            case "stdio":
                return Stdio(self.client)
            case "command":
                return Command(self.client, self.features)
            case "python":
                return InProcess(load(self.client))
