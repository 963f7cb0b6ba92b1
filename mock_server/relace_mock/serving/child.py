"""The server process that ``running()`` starts.

The parent writes its settings to standard input, as one line of JSON, and keeps that pipe open. The
child answers with one line on standard output. When the pipe closes, the parent is gone, and the
child stops.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from relace_mock.serving import tuning
from relace_mock.serving.lifeline import stop_with_stdin
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
    stop_with_stdin()
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
