"""Stops a server when the program that started it is gone, even if that program was killed.

That program holds the other end of standard input, and the kernel closes it when the program ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading


def stop_with_stdin() -> None:
    """Stop when standard input closes, even while the main thread is busy."""
    threading.Thread(target=_wait_for_the_end, name="relace-mock parent", daemon=True).start()
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    # A long computation holds the GIL, so the thread above cannot run. The kernel sends SIGIO when
    # the pipe closes, or has data, and signal handlers do run.
    with contextlib.suppress(OSError):  # standard input is closed: the thread stops the server
        signal.signal(signal.SIGIO, lambda *_: _stop() if _is_closed() else None)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _is_closed() -> bool:
    poll = select.poll()
    poll.register(0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def _wait_for_the_end() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    _stop()


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
