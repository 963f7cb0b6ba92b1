"""``relace-mock serve``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from relace_mock.cli.options import (
    OptionsOnly,
    vector_options,
)
from relace_mock.cli.serve_options import (
    answer_options,
    limit_options,
    listening_options,
    recording_options,
    scenario_options,
    store_options,
)
from relace_mock.cli.streams import complain
from relace_mock.cli.writing import write
from relace_mock.serving import lifeline, tuning
from relace_mock.settings import (
    Listening,
    Settings,
)

_EXAMPLES = """
\b
Examples:
  relace-mock serve
      serve http://127.0.0.1:8080/v1 until Ctrl-C
  relace-mock serve --port 0 --scenario rate-limited-twice
      use any free port; answer the first two requests of each key with 429
  relace-mock serve --api-key rlc-good --unknown-key-status 401
      accept one key, and answer every other key with 401
  relace-mock serve --host 0.0.0.0 --control-token secret
      accept requests from other machines; control requests need the token
  relace-mock serve --upstream https://embeddings.endpoint.relace.run --record vectors.relace
      forward requests to the real endpoint, and record the vector of each text
  relace-mock serve --replay vectors.relace
      answer with the recorded vectors, without network
"""


@click.command(cls=OptionsOnly, epilog=_EXAMPLES)
@listening_options
@answer_options
@vector_options
@scenario_options
@recording_options
@limit_options
@store_options
def serve(*, stop_with_stdin: bool, **options: Any) -> None:
    """Run the mock server.

    It answers POST /v1/code/embed, /v2/code/rank and /v1/code/rank until Ctrl-C or SIGTERM.
    """
    tuning.keep_freed_memory()
    tuning.use_one_blas_thread()

    if stop_with_stdin:
        lifeline.stop_with_stdin()

    from relace_mock.serving.running_server import RunningServer

    def ready(server: RunningServer) -> None:
        write(f"relace-mock ready: {server.base_url}\n".encode())

    settings, listening = configured(**options)
    if listening.workers > 1:
        from relace_mock.serving.workers import serve_with_workers

        serve_with_workers(settings, listening, ready)
    else:
        from relace_mock.serving.server import serve as run

        run(settings, listening, ready, complain)


def configured(
    *,
    host: str,
    port: int,
    http: Any,
    ssl_certfile: Path | None,
    ssl_keyfile: Path | None,
    read_timeout: float,
    max_connections: int | None,
    workers: int,
    access_log: bool | None,
    trace: Path | None,
    unknown_key_status: str,
    **settings: Any,
) -> tuple[Settings, Listening]:
    """Read the values of all options of ``serve``. Raises ``SettingsError`` and click's errors."""
    if not settings["api_keys"] and os.environ.get("RELACE_MOCK_API_KEY"):
        raise click.UsageError("RELACE_MOCK_API_KEY holds no key: write a key, or unset it")
    if ssl_keyfile is not None and ssl_certfile is None:
        raise click.UsageError("--ssl-keyfile needs --ssl-certfile: give the certificate too")
    return (
        Settings(unknown_key_status=int(unknown_key_status), **settings),  # type: ignore[arg-type]
        Listening(
            host=host,
            port=port,
            http=http,
            ssl_certfile=ssl_certfile,
            ssl_keyfile=ssl_keyfile,
            read_timeout=read_timeout,
            max_connections=max_connections,
            access_log=sys.stderr.isatty() if access_log is None else access_log,
            workers=workers,
            trace=trace,
        ),
    )
