"""The server: a socket, uvicorn and its signals, in this process or in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import uvicorn

from relace_mock.clock import MONOTONIC
from relace_mock.control.guard import Guard, is_loopback
from relace_mock.journal.access_log import AccessLog
from relace_mock.pipeline import Pipeline
from relace_mock.scenario.library import Library
from relace_mock.serving.app import create_app
from relace_mock.serving.listening import bind, reachable, tls
from relace_mock.serving.outlet import Outlet
from relace_mock.serving.protocols import Limits, protocol_class
from relace_mock.serving.running_server import RunningServer
from relace_mock.serving.tuning import accept_in_groups
from relace_mock.serving.wire import wire_of
from relace_mock.settings import Listening, ServerError, Settings

_LOG = logging.getLogger(__name__)
#: Seconds that answers under way have to finish when the server is told to stop.
_GRACE = 0.4
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds from a signal to the end of the process, whatever is still under way.
_PATIENCE = 0.9
#: Seconds that an idle connection is kept: longer than clients wait between retries.
_KEEP_ALIVE = 75
#: Seconds between two looks for requests that take too long to come, at most.
_LOOKS_AT_LATE = 0.5
#: Descriptors that are not for connections: files that are read, modules that are loaded late.
_RESERVED = 40
#: Seconds between two looks at the scenario files, with ``reload``.
_RELOAD = 0.2


def serve(
    settings: Settings, listening: Listening, on_ready: Callable[[RunningServer], None]
) -> None:
    """Serve until SIGTERM or SIGINT. Raises ``ServerError``."""
    server = _Server(settings, listening, on_ready)
    if not server.guard.loopback and settings.control_token is None:
        sys.stderr.write(
            f"relace-mock: there is no control API (/_mock/) on {listening.host} without a token, "
            "as other machines could use it: add --control-token TOKEN\n"
        )
    # Warnings of uvicorn and asyncio: else a standard error that nobody reads stops the server.
    logging.lastResort = _Lines(server.lines.write)
    server.listen()


class _Lines(logging.Handler):
    """Writes log records without waiting for their reader."""

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
            "gevent has replaced threads, so the server cannot have one: leave out thread=True"
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
            raise ServerError("the server thread ended before it was ready")
    try:
        yield started[0]
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """uvicorn, with the port bound at once and with our own manners at the end."""

    def __init__(
        self,
        settings: Settings,
        listening: Listening,
        on_ready: Callable[[RunningServer], None],
    ) -> None:
        pipeline = Pipeline(settings)  # may refuse a scenario: before there is a socket to close
        self._sockets = bind(listening.host, listening.port)
        self._on_ready = on_ready
        self._call_off_exit: Callable[[], object] | None = None
        secure = listening.ssl_certfile is not None
        self._running = RunningServer(
            f"{'https' if secure else 'http'}://{reachable(self._sockets)}/v1",
            settings.control_token,
        )
        loopback = all(is_loopback(each.getsockname()[0]) for each in self._sockets)
        self.guard = Guard(loopback=loopback, token=settings.control_token)
        self.lines = Outlet()
        if listening.access_log:
            pipeline.journal.subscribe(AccessLog(self.lines.write))
        self._library = pipeline.rules.library if settings.reload else None
        self._read_timeout = listening.read_timeout
        self._tasks: list[asyncio.Task[None]] = []
        super().__init__(
            uvicorn.Config(
                create_app(pipeline, self.guard, wire_of),
                http=protocol_class(
                    listening.http,
                    pipeline.refused,
                    pipeline.connections.opened,
                    pipeline.connections.closed,
                    Limits(listening.read_timeout, listening.max_connections or _room()),
                ),
                ssl_context_factory=tls(listening) if secure else None,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # a client may send them, but it is no proxy
                timeout_keep_alive=_KEEP_ALIVE,
                workers=1,  # else uvicorn reads WEB_CONCURRENCY
            )
        )

    def listen(self) -> None:
        try:
            self.run(sockets=accept_in_groups(self._sockets))
        finally:
            self.lines.close()
            if self._call_off_exit is not None:
                self._call_off_exit()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what is under way finish for a moment, then hang up."""
        asyncio.get_running_loop().call_later(_GRACE, self._hang_up)
        for task in self._tasks:
            task.cancel()
        await super().shutdown(sockets)

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
        """Stop on a signal, if need be in the middle of a computation.

        It is over within a second, and another signal does not disturb that.
        """
        if not self.should_exit:
            self._call_off_exit = _exit_in(_PATIENCE)
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._library is not None:
            self._tasks.append(asyncio.create_task(_reload(self._library, self.lines.write)))
        self._tasks.append(asyncio.create_task(self._end_late_requests()))
        self._on_ready(self._running)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal as on any other wish: uvicorn's own raises it again at the end."""
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


def _exit_in(seconds: float) -> Callable[[], object]:
    """End the process then, whatever it does; gives what calls that off."""
    if hasattr(signal, "setitimer"):
        # A signal handler runs in the main thread, which may hold the GIL for long: a timer thread
        # would wait for it.
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return lambda: signal.setitimer(signal.ITIMER_REAL, 0)
    timer = threading.Timer(seconds, os._exit, (0,))  # pragma: no cover - Windows
    timer.daemon = True  # pragma: no cover - Windows
    timer.start()  # pragma: no cover - Windows
    return timer.cancel  # pragma: no cover - Windows


def _room() -> int:
    """How many connections the descriptors of this process allow."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        in_use = len(list(Path("/proc/self/fd").iterdir()))
    except (ImportError, OSError):  # pragma: no cover - not on Linux
        return 1000
    if limit == resource.RLIM_INFINITY:  # pragma: no cover - not where this was tried
        return 100_000
    return max(limit - in_use - _RESERVED, 4)


async def _reload(library: Library, write: Callable[[str], None]) -> None:
    """Read scenario files again when they change, and say so on standard error.

    A folder that is slow to read is looked at less often, for a tenth of the time at most.
    """
    while True:
        began = MONOTONIC()
        try:
            for line in await asyncio.to_thread(lambda: list(library.refresh())):
                write(f"relace-mock: {line}")
        except Exception:  # noqa: BLE001 - a bug here must not stop the reload loop
            _LOG.exception("relace-mock failed to read the scenarios again")
        await asyncio.sleep(max(_RELOAD, 9 * (MONOTONIC() - began)))
