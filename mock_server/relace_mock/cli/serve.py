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
      answer at http://127.0.0.1:8080/v1 until Ctrl-C
  relace-mock serve --port 0 --scenario rate-limited-twice
      any free port; every key meets two 429s first
  relace-mock serve --api-key rlc-good --unknown-key-status 401
      know one key, and answer every other one 401
  relace-mock serve --host 0.0.0.0 --control-token secret
      answer other machines, and let those with the token steer
"""

_listening_options = declared(
    option(
        "--host",
        section="Listening",
        default=_LISTENING.host,
        help="Address to listen on. localhost and :: take IPv4 and IPv6.",
    ),
    option(
        "--port",
        section="Listening",
        type=click.IntRange(0, 65535),
        default=_LISTENING.port,
        help="Port to listen on; 0 takes any free one.",
    ),
    option(
        "--http",
        section="Listening",
        type=Choice(get_args(Http)),
        default=_LISTENING.http,
        help="HTTP parser: httptools is faster; auto takes it where it is installed.",
    ),
    option(
        "--ssl-certfile",
        section="Listening",
        type=click.Path(path_type=Path),
        help="Certificate (PEM); with it the server speaks https.",
    ),
    option(
        "--ssl-keyfile",
        section="Listening",
        type=click.Path(path_type=Path),
        help="Private key (PEM), if it is not in the file of the certificate.",
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
        help="Write a line for each request to standard error. By default only on a terminal.",
    ),
)
_answer_options = declared(
    option(
        "--api-key",
        "api_keys",
        section="Answers",
        multiple=True,
        metavar="KEY",
        help="A key to accept; repeatable (in the variable: blanks between keys). Without one, every key is accepted.",
    ),
    option(
        "--unknown-key-status",
        section="Answers",
        type=Choice([str(status) for status in get_args(UnknownKeyStatus)]),
        default=str(_DEFAULTS.unknown_key_status),
        help="Status for a key that is not accepted.",
    ),
    option(
        "--cors",
        section="Answers",
        multiple=True,
        metavar="ORIGIN",
        help="Let web pages of this origin, as https://app.example, read answers; repeatable, * for all.",
    ),
    option(
        "--contract",
        section="Answers",
        type=Choice(get_args(Contract)),
        default=_DEFAULTS.contract,
        help="What is only observed to work, as a lone string for input: answer and note it, or refuse it.",
    ),
    option(
        "--rate-limit",
        section="Answers",
        metavar="N/TIME",
        help="Quota of each key, as 3/60s: three requests a minute, then 429.",
    ),
    option(
        "--rate-limit-reset",
        section="Answers",
        type=Choice(get_args(ResetForm)),
        default=_DEFAULTS.rate_limit_reset,
        help="How X-RateLimit-Reset is written: seconds since 1970, a date, or seconds from now.",
    ),
)
_scenario_options = declared(
    option(
        "--scenario",
        section="Scenarios",
        metavar="NAME|FILE",
        shell_complete=complete_scenarios,
        help="Scenario for every key that has none of its own: a name or a file.",
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
        help="Let delays, drips and hangs take F times their time: 0.001 spares tests the waiting.",
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
        help="Number of requests to keep in the journal.",
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
        help="Number of keys whose scenario, quota and clock are kept.",
    ),
    option(
        "--namespace-ttl",
        section="Journal and limits",
        type=Seconds(),
        default="1h",
        help="Time without a request after which the state of a key can make room for another.",
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
        help="Most texts in a request; more get 413.",
    ),
    option(
        "--cache-bytes",
        section="Journal and limits",
        type=Size(),
        default="32MB",
        help="Memory for vectors of texts that come again.",
    ),
    option(
        "--control-token",
        section="Journal and limits",
        metavar="TOKEN",
        help="Token that control requests must send. Off loopback there is no control without one.",
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
    unknown_key_status: str,
    **settings: Any,
) -> None:
    """Run the mock server: answer POST /v1/code/embed until Ctrl-C or SIGTERM."""
    tuning.pause_collector()
    from relace_mock.serving.running_server import RunningServer
    from relace_mock.serving.server import serve as run

    tuning.keep_freed_memory()

    def ready(server: RunningServer) -> None:
        tuning.resume_collector()
        write(f"relace-mock ready: {server.base_url}\n".encode())

    if not settings["api_keys"] and os.environ.get("RELACE_MOCK_API_KEY"):
        raise click.UsageError("RELACE_MOCK_API_KEY holds no key")
    if ssl_keyfile is not None and ssl_certfile is None:
        raise click.UsageError("--ssl-keyfile needs --ssl-certfile")
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
        ),
        ready,
    )
