"""A client that speaks JSON lines on standard input and output, one process for many calls.

If the process breaks the protocol, it is killed, the call gets the reason, and the next call
starts a new process.
"""

from __future__ import annotations

import dataclasses
import shlex
import time
from pathlib import Path
from typing import Any

import orjson

from relace_contract.adapters import protocol
from relace_contract.adapters.process import Child, Ended, Flood, Silent
from relace_contract.adapters.protocol import AdapterError, Call, Ending, Identity, Said
from relace_contract.foreign_text import brief, brief_end

#: Seconds that a client may take to start.
START = 30.0


class Stdio:
    """One client process, started in ``folder`` or in the current folder."""

    def __init__(self, command: str, folder: Path | None = None) -> None:
        self._folder = folder
        self._words = shlex.split(command)
        if not self._words:
            raise AdapterError("the command is empty")
        self._child: Child | None = None
        self.left: list[str] = []
        self._seq = 0

    def start(self) -> Identity:
        """Start a new process, and ask for its identity."""
        self.kill()
        self._child = Child(self._words, folder=self._folder)
        try:
            answer = self._exchange(protocol.start_message(), START)
            return protocol.identity(answer)
        except AdapterError:
            self.kill()
            raise
        except _Misbehaviour as wrong:
            errors = self._child.errors()
            self.kill()
            raise AdapterError(
                f"{wrong.said.message}{': ' + brief_end(errors) if errors else ''}"
            ) from None

    def embed(self, call: Call, limit: float) -> Said:
        """Make a call, with a new process if the last one was killed."""
        if self._child is None:
            try:
                self.start()
            except AdapterError as error:
                return Said(Ending.CRASH, message=f"it did not start again: {error}")
        assert self._child is not None
        child, begun = self._child, time.monotonic()
        try:
            answer = self._exchange(call.message(), limit)
            said = protocol.understood(answer)
            if said.ending is not Ending.OK:
                said = dataclasses.replace(said, raw=orjson.dumps(answer).decode())
        except _Misbehaviour as wrong:
            said = wrong.said
        said = dataclasses.replace(said, errors=child.errors(), seconds=time.monotonic() - begun)
        if said.ending not in {Ending.OK, Ending.ERROR}:
            self.kill()
        return said

    def close(self) -> None:
        """Send ``stop``, and kill the process if it does not exit."""
        child, self._child = self._child, None
        if child is not None:
            child.send(orjson.dumps({"seq": self._seq + 1, **protocol.stop_message()}) + b"\n")
            child.close()
            self.left += child.left

    def kill(self) -> None:
        """End the process at once."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            self.left += child.left

    def _exchange(self, message: dict[str, Any], limit: float) -> dict[str, Any]:
        child = self._child
        assert child is not None
        self._seq += 1
        if unasked := child.unasked():
            raise _babbled("before it was asked, the client printed", unasked)
        child.send(orjson.dumps({"seq": self._seq, **message}) + b"\n")
        try:
            line = child.line(time.monotonic() + limit)
        except Silent:
            raise _Misbehaviour(
                Ending.HANG, f"the client sent no answer within {limit:g} seconds"
            ) from None
        except Flood as flood:
            raise _Misbehaviour(Ending.BABBLE, str(flood)) from None
        except Ended:
            code = child.exit_code()
            how = "closed its standard output" if code is None else f"ended with exit code {code}"
            raise _Misbehaviour(Ending.CRASH, f"it {how} instead of answering") from None
        try:
            answer = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise _babbled(
                "standard output is for the protocol only, but the client printed", line
            ) from None
        if not isinstance(answer, dict) or answer.get("seq") != self._seq:
            raise _babbled(f'it must answer with "seq": {self._seq}, but printed', line)
        return answer


class _Misbehaviour(Exception):  # noqa: N818 - the client's, not ours
    def __init__(self, ending: Ending, message: str, raw: str = "") -> None:
        super().__init__(message)
        self.said = Said(ending, message=message, raw=raw)


def _babbled(what: str, line: bytes) -> _Misbehaviour:
    raw = line.decode(errors="replace")
    return _Misbehaviour(Ending.BABBLE, f"{what} {brief(raw[:2000])}", raw)
