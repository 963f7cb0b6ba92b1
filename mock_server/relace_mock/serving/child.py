"""The server process that ``running()`` starts.

The parent writes its settings to standard input, as one line of JSON, and keeps that pipe open. The
child answers with one line on standard output. When the pipe closes, the parent is gone, and the
child stops.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from relace_mock.serving import tuning
from relace_mock.serving.running_server import RunningServer
from relace_mock.settings import Listening, ServerError, Settings, SettingsError


def main() -> None:
    """Serve with the settings on standard input until it closes."""
    tuning.keep_freed_memory()
    tuning.use_one_blas_thread()
    line = sys.stdin.buffer.readline()
    if not line:
        return  # the parent ended before it wrote its settings
    wanted = json.loads(line, object_hook=_from_json)
    _end_with_parent()
    try:
        from relace_mock.serving.server import serve  # noqa: PLC0415 - after the above

        def ready(server: RunningServer) -> None:
            _answer(base_url=server.base_url)

        sockets = [socket.socket(fileno=number) for number in wanted["sockets"]] or None
        serve(
            Settings(**wanted["settings"]), Listening(**wanted["listening"]), ready, sockets=sockets
        )
    except SettingsError as error:
        _answer(settings_error=str(error))
    except ServerError as error:
        _answer(server_error=str(error))


def written(settings: Settings, listening: Listening, sockets: Sequence[int] = ()) -> bytes:
    """Write settings as the line that ``main`` reads, with inherited listening sockets if any."""
    wanted = {
        "settings": asdict(settings),
        "listening": asdict(listening),
        "sockets": list(sockets),
    }
    return json.dumps(wanted, default=_to_json).encode() + b"\n"


def _to_json(value: object) -> object:
    return {"path": str(value)} if isinstance(value, Path) else list(value)  # type: ignore[call-overload] # a set of keys


def _from_json(fields: dict[str, Any]) -> Any:
    return Path(fields["path"]) if fields.keys() == {"path"} else fields


def _answer(**fields: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone, so this process ends soon
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


def _end_with_parent() -> None:
    """Stop when standard input closes, even while the main thread is busy."""
    threading.Thread(target=_wait_for_the_end, name="relace-mock parent", daemon=True).start()
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    # A long computation holds the GIL, so the thread above cannot run. The kernel sends SIGIO
    # when the pipe closes, and `re` lets signal handlers run.
    signal.signal(signal.SIGIO, lambda *_: _stop())
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _wait_for_the_end() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    _stop()


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
