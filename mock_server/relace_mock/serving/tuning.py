"""Platform tricks: each with its reason, what it gained alone, and how to turn it off.

``RELACE_MOCK_WITHOUT=malloc,accept`` turns off the tricks of these names, to measure them or to
rule them out. The gains are from ``benchmarks/tuning.py``, on 2 cores. A trick that gains less than
5 % is removed. One trick was removed because its gain was lost in the noise: to pause the garbage
collector while modules load, and then let it ignore their objects.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import sys

#: The variable that turns tricks off, by name, with commas between.
SWITCH = "RELACE_MOCK_WITHOUT"

_GIVEN_BACK_ABOVE = 16 << 20  # bytes
_MAPPED_ABOVE = 4 << 20  # bytes
_SOCKETS = 8


def _is_on(name: str) -> bool:
    return name not in os.environ.get(SWITCH, "").replace(" ", "").split(",")


def keep_freed_memory() -> None:
    """Let glibc keep freed memory up to 16 MB; ``malloc``.

    By default glibc returns freed memory to the system. The next batch of texts needs as much
    again, and getting it back takes several hundred page faults. Measured alone, this gave 31 %
    more requests a second, for requests with 32 inputs that the cache does not have.
    """
    if sys.platform != "linux" or not _is_on("malloc"):
        return
    import ctypes  # noqa: PLC0415 - needed by `serve` alone

    with contextlib.suppress(OSError, AttributeError):  # another C library, or none was found
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-1, _GIVEN_BACK_ABOVE)  # M_TRIM_THRESHOLD
        mallopt(-3, _MAPPED_ABOVE)  # M_MMAP_THRESHOLD


def use_one_blas_thread() -> None:
    """Keep NumPy's BLAS to one thread; ``blas``. Call this before NumPy is imported.

    The matrices are small, so a second thread gains nothing while processors are free. When other
    processes use them, the threads wait for each other: measured alone on a machine with 20 busy
    processes, 50 files were ranked in 1.8 s instead of 17 s.
    """
    if _is_on("blas"):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def accept_in_groups(sockets: list[socket.socket]) -> list[socket.socket]:
    """Duplicate the listening sockets if the event loop is uvloop; ``accept``.

    In each turn of its loop, uvloop accepts one connection per listening socket. A turn takes long
    while vectors are computed for earlier connections. Other event loops accept all waiting
    connections at once. Measured alone, this gave 7 % more requests a second, for 64 clients that
    open a connection for each request.
    """
    if not importlib.util.find_spec("uvloop") or not _is_on("accept"):
        return sockets
    return sockets + [each.dup() for each in sockets for _ in range(_SOCKETS - 1)]
