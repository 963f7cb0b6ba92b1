"""``relace-mock serve``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, get_args

import click

from relace_mock.cli.completion import complete_scenarios
from relace_mock.cli.options import (
    Choice,
    OptionsOnly,
    Seconds,
    Size,
    declared,
    option,
    scenarios_option,
    vector_options,
)
from relace_mock.cli.writing import write
from relace_mock.serving import tuning
from relace_mock.settings import Contract, Http, Listening, ResetForm, Settings, UnknownKeyStatus

_DEFAULTS = Settings()
_LISTENING = Listening()
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
"""

_listening_options = declared(
    option(
        "--host",
        section="Listening",
        default=_LISTENING.host,
        help="Address to listen on. localhost and :: listen on both IPv4 and IPv6.",
    ),
    option(
        "--port",
        section="Listening",
        type=click.IntRange(0, 65535),
        default=_LISTENING.port,
        help="Port to listen on; 0 picks any free port.",
    ),
    option(
        "--http",
        section="Listening",
        type=Choice(get_args(Http)),
        default=_LISTENING.http,
        help="HTTP parser. httptools is faster; auto uses it if it is installed, else h11.",
    ),
    option(
        "--ssl-certfile",
        section="Listening",
        type=click.Path(path_type=Path),
        help="TLS certificate (PEM). With it the server speaks https.",
    ),
    option(
        "--ssl-keyfile",
        section="Listening",
        type=click.Path(path_type=Path),
        help="Private key (PEM), if the certificate file does not contain it.",
    ),
    option(
        "--read-timeout",
        section="Listening",
        type=Seconds(),
        default="30s",
        help="Time for a whole request to come; a slower one gets 408.",
    ),
    option(
        "--max-connections",
        section="Listening",
        type=int,
        metavar="N",
        help="Connections at once; more get 503. By default as many as the system has descriptors.",
    ),
    option(
        "--access-log/--no-access-log",
        section="Listening",
        default=None,
        help="Write a line for each request to standard error. By default on if standard error is a terminal.",
    ),
    option(
        "--trace",
        section="Listening",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the journal with its timeline to this HTML file when the server ends. It opens without a server.",
    ),
)
_answer_options = declared(
    option(
        "--api-key",
        "api_keys",
        section="Answers",
        multiple=True,
        metavar="KEY",
        help="API key to accept; repeatable (in the variable, put spaces between keys). Without any, every key is accepted.",
    ),
    option(
        "--unknown-key-status",
        section="Answers",
        type=Choice([str(status) for status in get_args(UnknownKeyStatus)]),
        default=str(_DEFAULTS.unknown_key_status),
        help="HTTP status for an API key that is not accepted.",
    ),
    option(
        "--cors",
        section="Answers",
        multiple=True,
        metavar="ORIGIN",
        help="Let web pages of this origin, such as https://app.example, read responses; repeatable, * for all.",
    ),
    option(
        "--contract",
        section="Answers",
        type=Choice(get_args(Contract)),
        default=_DEFAULTS.contract,
        help="Requests that Relace answers but does not document, such as a lone string as input: observed answers and notes them, documented refuses them.",
    ),
    option(
        "--rate-limit",
        section="Answers",
        metavar="N/TIME",
        help="Quota of each API key, such as 3/60s: three requests in 60 seconds, then 429.",
    ),
    option(
        "--rate-limit-reset",
        section="Answers",
        type=Choice(get_args(ResetForm)),
        default=_DEFAULTS.rate_limit_reset,
        help="Form of the header X-RateLimit-Reset: seconds since 1970, a date, or seconds from now.",
    ),
)
_scenario_options = declared(
    option(
        "--scenario",
        section="Scenarios",
        metavar="NAME|FILE",
        shell_complete=complete_scenarios,
        help="Scenario to play for every API key without its own: a name or a file.",
    ),
    scenarios_option,
    option(
        "--scenario-seed",
        section="Scenarios",
        type=int,
        default=_DEFAULTS.scenario_seed,
        help="Make scenarios with chance play out differently.",
    ),
    option(
        "--time-scale",
        section="Scenarios",
        type=float,
        default=_DEFAULTS.time_scale,
        metavar="F",
        help="Multiply delays, drips and hangs by F. With 0.001, tests hardly wait for them.",
    ),
    option(
        "--reload",
        section="Scenarios",
        is_flag=True,
        default=False,
        help="Read scenario files again when they change.",
    ),
)
_limit_options = declared(
    option(
        "--journal-size",
        section="Journal and limits",
        type=int,
        default=_DEFAULTS.journal_size,
        help="Number of requests that the journal keeps.",
    ),
    option(
        "--journal-bytes",
        section="Journal and limits",
        type=Size(),
        default="32MB",
        help="Memory for the journal.",
    ),
    option(
        "--max-namespaces",
        section="Journal and limits",
        type=int,
        default=_DEFAULTS.max_namespaces,
        help="Number of API keys whose scenario, quota and clock are kept.",
    ),
    option(
        "--namespace-ttl",
        section="Journal and limits",
        type=Seconds(),
        default="1h",
        help="Idle time after which the state of an API key may make room for another key.",
    ),
    option(
        "--max-body",
        section="Journal and limits",
        type=Size(),
        default="50MB",
        help="Largest request body; a larger one gets 413.",
    ),
    option(
        "--max-inputs",
        section="Journal and limits",
        type=int,
        default=_DEFAULTS.max_inputs,
        help="Largest number of texts in a request; more get 413.",
    ),
    option(
        "--cache-bytes",
        section="Journal and limits",
        type=Size(),
        default="32MB",
        help="Memory for the cache of vectors, for texts that are sent again.",
    ),
    option(
        "--control-token",
        section="Journal and limits",
        metavar="TOKEN",
        help="Token that control requests must send. Without one, only a server on loopback has a control API.",
    ),
)


@click.command(cls=OptionsOnly, epilog=_EXAMPLES)
@_listening_options
@_answer_options
@vector_options
@_scenario_options
@_limit_options
def serve(
    host: str,
    port: int,
    http: Any,
    ssl_certfile: Path | None,
    ssl_keyfile: Path | None,
    read_timeout: float,
    max_connections: int | None,
    access_log: bool | None,
    trace: Path | None,
    unknown_key_status: str,
    **settings: Any,
) -> None:
    """Run the mock server.

    It answers POST /v1/code/embed until Ctrl-C or SIGTERM.
    """
    from relace_mock.serving.running_server import RunningServer
    from relace_mock.serving.server import serve as run

    tuning.keep_freed_memory()

    def ready(server: RunningServer) -> None:
        write(f"relace-mock ready: {server.base_url}\n".encode())

    if not settings["api_keys"] and os.environ.get("RELACE_MOCK_API_KEY"):
        raise click.UsageError("RELACE_MOCK_API_KEY holds no key: write a key, or unset it")
    if ssl_keyfile is not None and ssl_certfile is None:
        raise click.UsageError("--ssl-keyfile needs --ssl-certfile: give the certificate too")
    run(
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
            trace=trace,
        ),
        ready,
    )
