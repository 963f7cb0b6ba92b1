"""Several worker processes that serve one port, and the supervisor that keeps them alive.

The supervisor opens the listening sockets, and each worker inherits them: a connection that waits
while a worker dies is accepted by another. When the supervisor ends, even if it is killed, the
pipes to the workers close and they stop.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from relace_mock.clock import MONOTONIC
from relace_mock.serving.child import written
from relace_mock.serving.listening import bind
from relace_mock.serving.running_server import RunningServer
from relace_mock.serving.starting import PROGRAM
from relace_mock.settings import (
    Listening,
    ServerError,
    Settings,
    SettingsError,
    refuse_several_recorders,
)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 0.95  # seconds from a signal until workers that have not ended are killed
_DEATHS = 5  # if more workers than this die within the time below, the server stops
_TOGETHER = 10.0  # seconds


def serve_with_workers(
    settings: Settings, listening: Listening, on_ready: Callable[[RunningServer], None]
) -> None:
    """Serve with several processes until SIGTERM or SIGINT.

    Raises ``SettingsError`` or ``ServerError``.
    """
    refuse_several_recorders(settings, listening.workers)
    if listening.trace is not None:
        raise SettingsError(
            "--trace works with one worker: save the page at /_mock/ instead, or GET /_mock/trace"
        )
    if settings.store == "memory":
        raise SettingsError(
            f"--workers {listening.workers} needs a store that all workers share, as each has its "
            "own memory: add --store redis://HOST:PORT, or leave out --workers"
        )
    _Supervisor(settings, listening, on_ready).run()


class _Worker:
    """A worker process. ``answers`` is its standard output: one line when it is ready."""

    def __init__(self, wanted: bytes, sockets: list[socket.socket]) -> None:
        self.is_ready = False
        self.answer = b""
        self.process = subprocess.Popen(  # noqa: S603 - this Python and our own module
            [sys.executable, "-P", "-W", "ignore", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[each.fileno() for each in sockets],
            start_new_session=True,  # Ctrl-C is for the supervisor, which stops the workers
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.answers = self.process.stdout
        with contextlib.suppress(BrokenPipeError):  # it has ended: its exit code tells why
            self.process.stdin.write(wanted)
            self.process.stdin.flush()

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.answers.close()


class _Supervisor:
    def __init__(
        self,
        settings: Settings,
        listening: Listening,
        on_ready: Callable[[RunningServer], None],
    ) -> None:
        self._sockets = bind(listening.host, listening.port)
        numbers = [each.fileno() for each in self._sockets]
        self._wanted = written(settings, listening, numbers)
        self._count = listening.workers
        self._token = settings.control_token
        self._on_ready = on_ready
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        self._deaths: list[float] = []
        self._was_ready = False
        self._stopping = False

    def run(self) -> None:
        with self._woken_by_signals():
            try:
                for _ in range(self._count):
                    self._start()
                while not self._stopping:
                    for key, _ in self._selector.select():
                        if key.data is not None and not self._stopping:
                            self._hear(key.data)
            finally:
                self._stop()

    @contextlib.contextmanager
    def _woken_by_signals(self) -> Iterator[None]:
        wakes, wake = socket.socketpair()
        wake.setblocking(False)
        self._selector.register(wakes, selectors.EVENT_READ)

        def stop(*_: Any) -> None:
            self._stopping = True
            with contextlib.suppress(OSError):
                wake.send(b"x")

        for number in _SIGNALS:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            wakes.close()
            wake.close()

    def _start(self) -> None:
        worker = _Worker(self._wanted, self._sockets)
        self._workers.append(worker)
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)

    def _hear(self, worker: _Worker) -> None:
        """Read from a worker: it is ready, cannot start, or has ended."""
        piece = os.read(worker.answers.fileno(), 65536)
        worker.answer += piece
        if not piece:
            self._replace(worker)
        elif worker.answer.endswith(b"\n") and not worker.is_ready:
            fields: dict[str, str] = json.loads(worker.answer)
            if "settings_error" in fields:
                raise SettingsError(fields["settings_error"])
            if "server_error" in fields:
                raise ServerError(fields["server_error"])
            worker.is_ready = True
            if not self._was_ready and all(each.is_ready for each in self._workers):
                self._was_ready = True
                self._on_ready(RunningServer(fields["base_url"], self._token))

    def _replace(self, worker: _Worker) -> None:
        """Start a worker in place of one that has ended."""
        code = worker.process.wait()
        self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        worker.close()
        ended = f"worker {worker.process.pid} ended with " + (
            f"signal {-code}" if code < 0 else f"exit code {code}"
        )
        now = MONOTONIC()
        self._deaths = [*(death for death in self._deaths if now - death < _TOGETHER), now]
        if not worker.is_ready or len(self._deaths) > _DEATHS:
            raise ServerError(f"{ended}, so the server stops: see the output of the workers above")
        sys.stderr.write(f"relace-mock: {ended}: another one starts\n")
        self._start()

    def _stop(self) -> None:
        """Stop all workers, and wait for them."""
        deadline = MONOTONIC() + _PATIENCE
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            try:
                worker.process.wait(max(deadline - MONOTONIC(), 0.001))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.close()
        for each in self._sockets:
            each.close()
        self._selector.close()
