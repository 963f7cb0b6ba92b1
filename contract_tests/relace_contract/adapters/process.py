"""A child process that may crash, hang, flood or print what it should not."""

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

#: Bytes that one answer may have: a body of 16 MB, written again with more digits.
ANSWER_LIMIT = 128_000_000
_PIECE = 1 << 16
_WAITING = 64  # pieces that are read ahead; a child that floods is stopped by its pipe
_ERRORS = 20_000  # characters of standard error that are kept
#: Seconds for a client to end by itself.
MANNERS = 2.0
#: Seconds without output, after which a client that has ended has said everything: a process that
#: it left behind may hold the pipe for ever.
DRAINED = 0.3
_LOOK = 0.1  # seconds between two looks at whether a client has ended


class Ended(Exception):  # noqa: N818 - not an error here
    """The child closed its standard output."""


class Silent(Exception):  # noqa: N818 - as above
    """The child did not answer in time."""


class Flood(Exception):  # noqa: N818 - as above
    """The child said more than an answer can have."""


class Child:
    """One process, read by threads, so that nothing it does can block us.

    ``left`` names the processes that survived it, once it was ended.
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
                start_new_session=True,  # so that what it starts can be ended with it
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
        """Write to its standard input; that it is gone is seen when it is read."""
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
        """All that it says until it ends. Raises ``Silent`` or ``Flood``."""
        with contextlib.suppress(Ended):
            while True:
                self._more(deadline)
        return bytes(self._read)

    def unasked(self) -> bytes:
        """What it said beyond its last answer."""
        with contextlib.suppress(queue.Empty):
            self._read += self._pieces.get_nowait()
        return bytes(self._read[:_PIECE])

    def errors(self) -> str:
        """What it wrote to standard error since the last call, to the last byte."""
        self._take_errors()
        with self._lock:
            errors, self._errors = self._errors, ""
        return errors

    def exit_code(self) -> int | None:
        """Its exit code, after a moment if it is just ending; None if it runs on."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(MANNERS)
        return None

    def close(self) -> None:
        """Let it end by itself for a moment."""
        self.end_input()
        self.exit_code()
        self.kill()

    def kill(self) -> None:
        """End it, and its process group. What left the group is named, and not waited for."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._popen.pid, signal.SIGKILL)
            else:  # pragma: no cover - Windows
                self._popen.kill()
        self._popen.wait()
        if any(thread.is_alive() for thread in self._threads):
            for thread in self._threads:  # each ends by itself where no one holds its pipe
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
            raise Flood

    def _next(self, deadline: float) -> bytes:
        """The next piece of output; empty at its end. Raises ``Silent``."""
        over: float | None = None  # when a client that has ended must have said everything
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
        """Take what is there; under the lock, so that none is on its way in another thread."""
        assert self._popen.stderr is not None
        with self._lock, contextlib.suppress(BlockingIOError):
            while not self._closed:
                piece = os.read(self._popen.stderr.fileno(), _PIECE)
                self._errors = (self._errors + piece.decode(errors="replace"))[-_ERRORS:]
                self._closed = not piece


def survivors(pipes: Sequence[IO[bytes] | None]) -> list[str]:
    """Name the other processes that hold one of these pipes, where the system tells (Linux)."""
    wanted = {f"pipe:[{os.fstat(pipe.fileno()).st_ino}]" for pipe in pipes if pipe is not None}
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it is gone, or not ours to look at
            if any(str(held.readlink()) in wanted for held in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                status = (process / "status").read_text(encoding="utf-8", errors="replace")
                # A child of ours is one that is just being started, with copies of all pipes.
                ours = f"\nPPid:\t{os.getpid()}\n" in status or int(process.name) == os.getpid()
                found += [] if ours else [f"{name} (process {process.name})"]
    return found
