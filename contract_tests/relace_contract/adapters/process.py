"""A child process that may crash, hang, or print too much or the wrong things."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from relace_contract.adapters.protocol import AdapterError

#: Bytes that one answer may have: enough for the vectors of a 16 MB body, with more digits.
ANSWER_LIMIT = 128_000_000
_PIECE = 1 << 16
_WAITING = 64  # pieces to read ahead; then the full pipe makes the child wait
_ERRORS = 20_000  # characters of standard error that are kept
#: Seconds for a client to end by itself.
MANNERS = 2.0
#: Seconds to wait for more output after a client has exited. The pipe may never close, because a
#: process that the client left behind may hold it.
DRAINED = 0.3
_LOOK = 0.1  # seconds between two checks whether a client has exited


class Ended(Exception):  # noqa: N818 - not an error here
    """The child closed its standard output."""


class Silent(Exception):  # noqa: N818 - as above
    """The child did not answer in time."""


class Flood(Exception):  # noqa: N818 - as above
    """The child printed more than ``ANSWER_LIMIT``; the text says so."""


class Child:
    """One process, read by threads, so that nothing it does can block the kit.

    ``left`` names the processes that are still running after it was killed.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - it is the user's own command
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=None if environment is None else os.environ | environment,
                cwd=folder,
                start_new_session=True,  # so that its child processes can be killed with it
            )
        except OSError as error:
            raise AdapterError(f"cannot start {words[0]!r}: {error.strerror}") from None
        self._pieces: queue.Queue[bytes] = queue.Queue(_WAITING)
        self._read = bytearray()
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        for pipe in (self._popen.stdout, self._popen.stderr):
            os.set_blocking(pipe.fileno(), False)
        self.left: list[str] = []
        self._errors = ""
        self._closed = False
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._read_output, self._read_errors)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, line: bytes) -> None:
        """Write to its standard input. Errors are ignored: reading will show that it is gone."""
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._popen.stdin.write(line)
            self._popen.stdin.flush()

    def end_input(self) -> None:
        """Close its standard input."""
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError):
            self._popen.stdin.close()

    def line(self, deadline: float) -> bytes:
        """The next line. Raises ``Ended``, ``Silent`` or ``Flood``."""
        searched = 0
        while (end := self._read.find(b"\n", searched)) < 0:
            searched = len(self._read)
            self._more(deadline)
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        return line

    def everything(self, deadline: float) -> bytes:
        """All of its output until it ends. Raises ``Silent`` or ``Flood``."""
        with contextlib.suppress(Ended):
            while True:
                self._more(deadline)
        return bytes(self._read)

    def unasked(self) -> bytes:
        """Output that it printed after its last answer, before it was asked again."""
        with contextlib.suppress(queue.Empty):
            self._read += self._pieces.get_nowait()
        return bytes(self._read[:_PIECE])

    def errors(self) -> str:
        """All that it wrote to standard error since the last call of this method."""
        self._take_errors()
        with self._lock:
            errors, self._errors = self._errors, ""
        return errors

    def exit_code(self) -> int | None:
        """Its exit code, after a short wait if it is just exiting; None if it is still running."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(MANNERS)
        return None

    def close(self) -> None:
        """Close its standard input, give it a moment to exit, and kill it."""
        self.end_input()
        self.exit_code()
        self.kill()

    def kill(self) -> None:
        """Kill it and its process group. Processes that left the group are only put in ``left``."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._popen.pid, signal.SIGKILL)
            else:  # pragma: no cover - Windows
                self._popen.kill()
        self._popen.wait()
        if any(thread.is_alive() for thread in self._threads):
            for thread in self._threads:  # it ends unless another process holds its pipe
                thread.join(_LOOK)
            if any(thread.is_alive() for thread in self._threads):
                self.left = survivors([self._popen.stdout, self._popen.stderr])
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._take_errors()
        self._closed = True
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _more(self, deadline: float) -> None:
        piece = self._next(deadline)
        if not piece:
            self._pieces.put(b"")
            raise Ended
        self._read += piece
        if len(self._read) > ANSWER_LIMIT:
            raise Flood(f"its answer has more than {ANSWER_LIMIT:,} bytes")

    def _next(self, deadline: float) -> bytes:
        """The next piece of output; empty at its end. Raises ``Silent``."""
        over: float | None = None  # when to stop waiting for output of a client that has exited
        while (now := time.monotonic()) < deadline:
            if over is None and self._popen.poll() is not None:
                over = now + DRAINED
            with contextlib.suppress(queue.Empty):
                return self._pieces.get(timeout=min(_LOOK, max(deadline - now, 0.001)))
            if over is not None and time.monotonic() > over:
                return b""
        raise Silent

    def _read_output(self) -> None:
        assert self._popen.stdout is not None
        piece = b"-"
        while piece and not self._ended.is_set():
            select.select([self._popen.stdout], [], [], _LOOK)
            with contextlib.suppress(BlockingIOError):
                piece = os.read(self._popen.stdout.fileno(), _PIECE)
                self._hand_over(piece)

    def _hand_over(self, piece: bytes) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                self._pieces.put(piece, timeout=_LOOK)
                break

    def _read_errors(self) -> None:
        assert self._popen.stderr is not None
        while not self._closed and not self._ended.is_set():
            select.select([self._popen.stderr], [], [], _LOOK)
            self._take_errors()

    def _take_errors(self) -> None:
        """Read what is available, under the lock, so that no other thread holds unsaved output."""
        assert self._popen.stderr is not None
        with self._lock, contextlib.suppress(BlockingIOError):
            while not self._closed:
                piece = os.read(self._popen.stderr.fileno(), _PIECE)
                self._errors = (self._errors + piece.decode(errors="replace"))[-_ERRORS:]
                self._closed = not piece


def survivors(pipes: Sequence[IO[bytes] | None]) -> list[str]:
    """Names of the other processes that hold one of these pipes; empty except on Linux."""
    wanted = {f"pipe:[{os.fstat(pipe.fileno()).st_ino}]" for pipe in pipes if pipe is not None}
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has exited, or belongs to another user
            if any(str(held.readlink()) in wanted for held in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                status = (process / "status").read_text(encoding="utf-8", errors="replace")
                # A child of this process is just being started, and still has copies of all pipes.
                ours = f"\nPPid:\t{os.getpid()}\n" in status or int(process.name) == os.getpid()
                found += [] if ours else [f"{name} (process {process.name})"]
    return found
