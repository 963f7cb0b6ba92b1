"""A client that is a command, run once for each call, such as a script around ``curl``.

The command finds ``RELACE_BASE_URL`` and ``RELACE_API_KEY`` in its environment, and the rest of the
call as JSON on its standard input. It prints the answer of the protocol, without ``seq``.
"""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import time
from collections.abc import Iterable

import orjson

from relace_contract.adapters import protocol
from relace_contract.adapters.process import Child, Flood, Silent
from relace_contract.adapters.protocol import AdapterError, Call, Ending, Identity, Said
from relace_contract.foreign_text import brief


class Command:
    """One command. It cannot report its features, so the user names them (``--feature``)."""

    def __init__(self, command: str, features: Iterable[str] = ()) -> None:
        self._words = shlex.split(command)
        if not self._words:
            raise AdapterError("the command is empty")
        self._features = list(features)
        self._child: Child | None = None
        self.left: list[str] = []

    def start(self) -> Identity:
        """Check that the command exists."""
        if shutil.which(self._words[0]) is None:
            raise AdapterError(f"command {self._words[0]!r} not found")
        return protocol.identity({"client": " ".join(self._words), "features": self._features})

    def embed(self, call: Call, limit: float) -> Said:
        """Run the command."""
        message = call.message()
        environment = {
            "RELACE_BASE_URL": message.pop("base_url"),
            "RELACE_API_KEY": message.pop("api_key"),
        }
        begun = time.monotonic()
        child = self._child = Child(self._words, environment)
        try:
            child.send(orjson.dumps(message) + b"\n")
            child.end_input()
            output = child.everything(begun + limit)
            said = _understood(output, child.exit_code())
        except Silent:
            output = b""
            said = Said(Ending.HANG, message=f"the command did not end within {limit:g} seconds")
        except Flood as flood:
            output = b""
            said = Said(Ending.BABBLE, message=str(flood))
        finally:
            child.kill()
            self.left += child.left
        raw = output.decode(errors="replace") if said.ending is not Ending.OK else ""
        return dataclasses.replace(
            said, raw=raw, errors=child.errors(), seconds=time.monotonic() - begun
        )

    def close(self) -> None:
        """Do nothing: each call ends its own process."""

    def kill(self) -> None:
        """Kill the process of a call in progress."""
        if self._child is not None:
            self._child.kill()


def _understood(output: bytes, code: int | None) -> Said:
    if not output.strip():
        return Said(Ending.CRASH, message=f"it printed nothing; its exit code is {code}")
    try:
        return protocol.understood(orjson.loads(output))
    except orjson.JSONDecodeError:
        shown = brief(output[:2000].decode(errors="replace"))
        return Said(Ending.BABBLE, message=f"it must print one JSON object, but printed {shown}")
