"""Platform tricks: each with its reason, what it gained alone, and how to turn it off.

``RELACE_MOCK_WITHOUT=malloc,accept`` turns off the tricks of these names, to measure or to
rule them out. The gains are from ``benchmarks/tuning.py``, on 2 cores. A trick that gains less than 5 % goes: one
thread for BLAS, and a collector that rests while modules load and freezes what they made, did not
show beside the noise.
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

    The next texts need as much again. By default glibc gives it back to the system, which
    costs several hundred page faults for each batch of texts. Alone it gained 31 % of the requests
    a second with 32 inputs that were never seen before.
    """
    if sys.platform != "linux" or not _is_on("malloc"):
        return
    import ctypes  # noqa: PLC0415 - needed by `serve` alone

    with contextlib.suppress(OSError, AttributeError):  # another C library, or none to be found
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-1, _GIVEN_BACK_ABOVE)  # M_TRIM_THRESHOLD
        mallopt(-3, _MAPPED_ABOVE)  # M_MMAP_THRESHOLD


def accept_in_groups(sockets: list[socket.socket]) -> list[socket.socket]:
    """The listening sockets, several times over where the event loop is uvloop; ``accept``.

    uvloop accepts one connection by each socket in a turn of its loop, and a turn takes long
    while vectors are computed for the connections that were accepted already. Other loops
    accept all that wait. Alone it gained 7 % of the requests a second of 64 clients that open a
    connection for each.
    """
    if not importlib.util.find_spec("uvloop") or not _is_on("accept"):
        return sockets
    return sockets + [each.dup() for each in sockets for _ in range(_SOCKETS - 1)]
