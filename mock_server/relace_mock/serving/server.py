"""The server: uvicorn with its sockets and signals, in the main thread or in another."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from relace_mock.clock import MONOTONIC
from relace_mock.colour import is_wanted
from relace_mock.control.guard import Guard, is_loopback
from relace_mock.journal.access_log import AccessLog
from relace_mock.pipeline import Pipeline
from relace_mock.scenario.library import Library
from relace_mock.serving.app import create_app
from relace_mock.serving.guarded import Limits
from relace_mock.serving.listening import bind, reachable, tls
from relace_mock.serving.outlet import Outlet
from relace_mock.serving.protocols import protocol_class
from relace_mock.serving.running_server import RunningServer
from relace_mock.serving.tuning import accept_in_groups
from relace_mock.serving.wire import wire_of
from relace_mock.settings import Listening, ServerError, Settings

_LOG = logging.getLogger(__name__)
#: Seconds that answers under way have to finish when the server stops.
_GRACE = 0.4
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds from a signal to the end of the process, even if work is still under way.
_PATIENCE = 0.75
#: Seconds that an idle connection is kept: longer than clients wait between retries.
_KEEP_ALIVE = 75
#: Seconds between two checks whether the last answers under way have ended.
_LOOKS_AT_ENDING = 0.005
#: The most seconds between two checks for late requests.
_LOOKS_AT_LATE = 0.5
#: File descriptors kept free of connections, for files and for modules that are loaded late.
_RESERVED = 40
#: File descriptors kept free for connections to a shared store.
_RESERVED_FOR_STORE = 40
_NOTHING = contextlib.nullcontext()
#: Seconds between two checks of the scenario files, with ``reload``.
_RELOAD = 0.2


def serve(
    settings: Settings,
    listening: Listening,
    on_ready: Callable[[RunningServer], None],
    on_end: Callable[[str], None] | None = None,
    sockets: list[socket.socket] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises ``ServerError``.

    ``on_end`` is called with a line about the recording that was replayed, if there is one.
    ``sockets`` are listening sockets that other workers share; by default, new ones are opened.
    """
    server = _Server(settings, listening, on_ready, sockets)
    if sockets is None and not server.guard.loopback and settings.control_token is None:
        sys.stderr.write(f"relace-mock: {closed_control(listening)}\n")
    # For warnings of uvicorn and asyncio: to write them directly would block on a full pipe.
    logging.lastResort = _Lines(server.lines.write)
    server.listen()
    if on_end is not None and settings.replay is not None and (line := server.recordings.unused()):
        on_end(line)
    server.recordings.close()


def closed_control(listening: Listening) -> str:
    """Warning for the operator of a server that other machines can reach and that has no token."""
    return (
        f"the control API (/_mock/) is closed on {listening.host}, because other machines could "
        "use it: add --control-token TOKEN"
    )


class _Lines(logging.Handler):
    """Log handler that does not wait for the reader of standard error."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        self._write(self.format(record))


@contextlib.contextmanager
def in_thread(settings: Settings, listening: Listening) -> Iterator[RunningServer]:
    """Run a server in a thread of this process until the block ends.

    Raises ``ServerError`` if it cannot listen, or if gevent has replaced threads.
    """
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("threading"):
        raise ServerError(
            "gevent has replaced threads, so the server cannot run in one: leave out thread=True"
        )
    ready = threading.Event()
    started: list[RunningServer] = []

    def on_ready(running: RunningServer) -> None:
        started.append(running)
        ready.set()

    server = _Server(settings, listening, on_ready)
    thread = threading.Thread(target=server.listen, name="relace-mock", daemon=True)
    thread.start()
    while not ready.wait(0.05):
        if not thread.is_alive():  # pragma: no cover - its own traceback was printed
            raise ServerError("the server thread ended before it was ready: see its traceback")
    try:
        yield started[0]
    finally:
        server.stop()
        thread.join()
        server.recordings.close()


class _Server(uvicorn.Server):
    """uvicorn, but it binds the port when it is created, and stops within a second."""

    def __init__(
        self,
        settings: Settings,
        listening: Listening,
        on_ready: Callable[[RunningServer], None],
        sockets: list[socket.socket] | None = None,
    ) -> None:
        self.lines = Outlet()
        # First: if it refuses a scenario, no socket is open yet.
        pipeline = Pipeline(settings, complain=self.lines.write)
        self._ledger = pipeline.ledger
        self.recordings = pipeline.answers.sources
        self._sockets = sockets or bind(listening.host, listening.port)
        self._are_shared = sockets is not None
        self._on_ready = on_ready
        self._call_off_exit: Callable[[], object] | None = None
        self._wake: Callable[[], object] | None = None
        secure = listening.ssl_certfile is not None
        self._running = RunningServer(
            f"{'https' if secure else 'http'}://{reachable(self._sockets)}/v1",
            settings.control_token,
        )
        loopback = all(is_loopback(each.getsockname()[0]) for each in self._sockets)
        self.guard = Guard(loopback=loopback, token=settings.control_token)
        self._trace = _trace_file(pipeline, listening.trace) if listening.trace else None
        if listening.access_log:
            pipeline.journal.subscribe(AccessLog(self.lines.write, colour=is_wanted(sys.stderr)))
        self._library = pipeline.rules.library if settings.reload else None
        self._read_timeout = listening.read_timeout
        self._tasks: list[asyncio.Task[None]] = []
        room = _room(_RESERVED + (_RESERVED_FOR_STORE if self._ledger.threads else 0))
        super().__init__(
            uvicorn.Config(
                create_app(pipeline, self.guard, wire_of),
                http=protocol_class(
                    listening.http,
                    pipeline.refused,
                    pipeline.connections.opened,
                    pipeline.connections.closed,
                    Limits(listening.read_timeout, listening.max_connections or room),
                ),
                ssl_context_factory=tls(listening) if secure else None,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # a client can send these fields, too: do not trust them
                timeout_keep_alive=_KEEP_ALIVE,
                workers=1,  # else uvicorn reads WEB_CONCURRENCY
            )
        )

    def listen(self) -> None:
        try:
            # With several workers, none should accept more connections at once than the others.
            shared = self._are_shared
            with self._trace or contextlib.nullcontext():
                self.run(sockets=self._sockets if shared else accept_in_groups(self._sockets))
        except OSError as error:
            if self._trace is None:
                raise
            self.lines.write(f"relace-mock: the trace was not written: {error}")
        finally:
            self._ledger.close()
            self.lines.close()
            if self._call_off_exit is not None:
                self._call_off_exit()

    def stop(self) -> None:
        """Stop normally, and at once. For another thread; a signal calls ``handle_exit``."""
        self.should_exit = True
        if self._wake is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended by itself
                self._wake()

    async def main_loop(self) -> None:
        """Wait for the end of the server. uvicorn alone looks for it ten times a second."""
        waiting = asyncio.create_task(super().main_loop())
        self._wake = lambda: waiting.get_loop().call_soon_threadsafe(waiting.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await waiting

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give answers under way a moment to finish, then abort all connections.

        uvicorn's method takes at least a tenth of a second, even if nothing is under way.
        """
        asyncio.get_running_loop().call_later(_GRACE, self._hang_up)
        for task in self._tasks:
            task.cancel()
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_LOOKS_AT_ENDING)
        for server in self.servers:
            await server.wait_closed()

    async def _end_late_requests(self) -> None:
        pause = min(_LOOKS_AT_LATE, self._read_timeout / 10)
        while True:
            await asyncio.sleep(pause)
            now = MONOTONIC()
            for connection in list(self.server_state.connections):
                connection.end_if_late(now)  # type: ignore[union-attr]  # it is of our class

    def _hang_up(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop on a signal within a second, even during a long computation.

        Further signals are ignored.
        """
        if not self.should_exit:
            self._call_off_exit = _exit_in(_PATIENCE)
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        with _handshakes_within(self._read_timeout) if self.config.is_ssl else _NOTHING:
            await super().startup(sockets)
        if self._library is not None:
            self._tasks.append(asyncio.create_task(_reload(self._library, self.lines.write)))
        self._tasks.append(asyncio.create_task(self._end_late_requests()))
        self._on_ready(self._running)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop normally on a signal. uvicorn's method would raise the signal again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            ending = self._call_off_exit is not None
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if ending else handler)


@contextlib.contextmanager
def _handshakes_within(seconds: float) -> Iterator[None]:
    """Bound the time for TLS handshakes of servers made within the block.

    Until its handshake is complete, a connection is not known to any protocol. uvicorn has no
    setting for this time, and asyncio's default is a minute.
    """
    loop: Any = asyncio.get_running_loop()
    make = loop.create_server
    loop.create_server = functools.partial(make, ssl_handshake_timeout=seconds)
    try:
        yield
    finally:
        loop.create_server = make


def _trace_file(pipeline: Pipeline, path: Path) -> contextlib.AbstractContextManager[object]:
    """Context manager that writes the trace at its end. Raises ``SettingsError`` if it cannot."""
    from relace_mock.control.trace_file import trace_file  # noqa: PLC0415 - few servers need it

    return trace_file(pipeline.journal, path)


def _exit_in(seconds: float) -> Callable[[], object]:
    """End the process after ``seconds``, whatever it does; return a function that cancels this."""
    if hasattr(signal, "setitimer"):
        # The main thread may hold the GIL for long, for example in a regular expression. A timer
        # thread would wait for the GIL; a signal handler runs in the main thread itself.
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return lambda: signal.setitimer(signal.ITIMER_REAL, 0)
    timer = threading.Timer(seconds, os._exit, (0,))  # pragma: no cover - Windows
    timer.daemon = True  # pragma: no cover - Windows
    timer.start()  # pragma: no cover - Windows
    return timer.cancel  # pragma: no cover - Windows


def _room(reserved: int) -> int:
    """How many connections the file descriptors of this process allow."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        in_use = len(list(Path("/proc/self/fd").iterdir()))
    except (ImportError, OSError):  # pragma: no cover - not on Linux
        return 1000
    if limit == resource.RLIM_INFINITY:  # pragma: no cover - not where this was tried
        return 100_000
    return max(limit - in_use - reserved, 4)


async def _reload(library: Library, write: Callable[[str], None]) -> None:
    """Read scenario files again when they change, and report that on standard error.

    This takes at most a tenth of the time: a folder that is slow to read is checked less often.
    """
    while True:
        began = MONOTONIC()
        try:
            for line in await asyncio.to_thread(lambda: list(library.refresh())):
                write(f"relace-mock: {line}")
        except Exception:  # noqa: BLE001 - a bug here must not stop the reload loop
            _LOG.exception("relace-mock failed to read the scenarios again")
        await asyncio.sleep(max(_RELOAD, 9 * (MONOTONIC() - began)))
