"""Starts a server for the time of a ``with`` block: in a process of its own, or in a thread.

A test may freeze the clock, use gevent, fork, stop in a debugger, or block the socket module. None
of this affects a server in another process. This module itself must work even then, so it reads no
clock, and waits for a pipe to close.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Unpack

from relace_mock.excerpts import quoted
from relace_mock.keywords import OF_RUNNING, SettingsKeywords, by_name, settings_from
from relace_mock.serving.child import written
from relace_mock.serving.running_server import RunningServer
from relace_mock.settings import Http, Listening, ServerError, Settings, SettingsError

_ROOT = str(Path(__file__).parent.parent.parent)
#: The program of a server process.
# The folder goes to the end of the path: it is only needed if the caller put it on its own path by
# hand. -P keeps the working directory off the path, so that no file there shadows a module.
PROGRAM = f"import sys; sys.path.append({_ROOT!r}); from relace_mock.serving.child import main; sys.exit(main())"
_PATIENCE = 5.0  # seconds to wait for the process after SIGTERM, before SIGKILL
_REMEDY = "running(thread=True) starts the server in this process instead"


@by_name("server.control(api_key).play({…})")
@contextlib.contextmanager
def running(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    http: Http = "auto",
    thread: bool = False,
    read_timeout: float = 30.0,
    max_connections: int | None = None,
    **settings: Unpack[SettingsKeywords],
) -> Iterator[RunningServer]:
    """Run a server until the block ends, on any free port, in a process of its own.

    ``settings`` are the fields of ``Settings``; no environment variable changes them. With
    ``thread``, the server runs in a thread of this process: it starts faster, but a frozen
    clock, gevent or a fork disturbs it. A whole request must arrive within ``read_timeout``
    seconds. At most ``max_connections`` may be open at once. The server ends with this process,
    even if this process is killed.

    Raises ``SettingsError`` for a bad setting and ``ServerError`` if the server cannot start.
    """
    chosen = settings_from(settings, also=OF_RUNNING)
    if type(thread) is not bool:
        raise SettingsError(f"thread must be True or False, not {quoted(thread)}")
    listening = Listening(
        host=host,
        port=port,
        http=http,
        read_timeout=read_timeout,
        max_connections=max_connections,
    )
    if thread:
        from relace_mock.serving.server import in_thread  # noqa: PLC0415 - only a thread needs uvicorn here

        with in_thread(chosen, listening) as server:
            yield server
        return
    with tempfile.TemporaryFile() as log, server_process(chosen, listening, log) as child:
        yield RunningServer(child.base_url(), chosen.control_token)


@contextlib.contextmanager
def server_process(
    settings: Settings, listening: Listening, log: IO[bytes] | None = None
) -> Iterator[ServerProcess]:
    """Start a server in a process of its own, and stop it at the end of the block.

    ``log`` gets the server's standard error; without it, the server inherits that of this process.
    """
    child = ServerProcess(written(settings, listening), log)
    try:
        yield child
    finally:
        child.stop()


class ServerProcess:
    """A server in a process of its own, which may still be starting."""

    def __init__(self, wanted: bytes, log: IO[bytes] | None) -> None:
        if not sys.executable:
            raise ServerError(f"sys.executable is empty, so there is no Python to start: {_REMEDY}")
        self._owner = os.getpid()
        self._log = log
        asks, self._asks = os.pipe()
        self._answers, answers = os.pipe()
        _LIFELINES.add(self._asks)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this Python and our own module
                [sys.executable, "-P", "-W", "ignore", "-c", PROGRAM],
                stdin=asks,
                stdout=answers,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests; the server lives until they end
            )
        except OSError as error:
            self._close()
            raise ServerError(f"cannot start {sys.executable}: {error.strerror}") from None
        finally:
            os.close(asks)
            os.close(answers)
        with contextlib.suppress(BrokenPipeError):  # the child has ended: `base_url` tells why
            view = memoryview(wanted)
            while view:
                view = view[os.write(self._asks, view) :]

    def base_url(self) -> str:
        """Wait until the server is ready, and return its URL.

        Raises ``SettingsError`` for a bad setting and ``ServerError`` if it cannot start.
        """
        answer = b""
        while not answer.endswith(b"\n") and (piece := os.read(self._answers, 65536)):
            answer += piece
        try:
            fields: dict[str, str] = json.loads(answer)
        except ValueError:
            raise ServerError(self._why_it_ended()) from None
        if "settings_error" in fields:
            raise SettingsError(fields["settings_error"])
        if "server_error" in fields:
            raise ServerError(fields["server_error"])
        return fields["base_url"]

    def stop(self) -> None:
        """Stop the server, unless this process is a fork of the one that started it."""
        if os.getpid() != self._owner:
            return
        self._process.terminate()
        self._wait()
        self._close()
        if said := self._said():
            sys.stderr.write(f"relace-mock: the server wrote:\n{said}\n")

    def _wait(self) -> int:
        # Popen.wait(timeout) reads a clock, which may be frozen.
        timer = threading.Timer(_PATIENCE, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            return self._process.wait()
        finally:
            timer.cancel()

    def _why_it_ended(self) -> str:
        code = self._wait()
        if self._log is None:
            return f"the server process ended with exit code {code} before it was ready"
        *_, last = self._said().splitlines() or ["it wrote nothing"]
        return (
            f"the server process ended with exit code {code} before it was ready: {last}; {_REMEDY}"
        )

    def _said(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace").strip()

    def _close(self) -> None:
        _LIFELINES.discard(self._asks)
        os.close(self._asks)
        os.close(self._answers)


#: This process's ends of the pipes. A server ends when its pipe closes.
_LIFELINES: set[int] = set()


def _let_go() -> None:
    """Close the pipes in a fork, so that the fork does not keep the servers alive."""
    for descriptor in _LIFELINES:
        os.close(descriptor)
    _LIFELINES.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
