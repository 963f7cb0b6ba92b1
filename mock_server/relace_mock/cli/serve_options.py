"""The options of ``relace-mock serve``, by section of its help."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from relace_mock.cli.completion import complete_scenarios
from relace_mock.cli.options import Choice, Seconds, Size, declared, option, scenarios_option
from relace_mock.settings import (
    Contract,
    Http,
    Listening,
    OnMiss,
    ResetForm,
    Settings,
    UnknownKeyStatus,
)

_DEFAULTS = Settings()
_LISTENING = Listening()

listening_options = declared(
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
        help="Time within which a whole request must arrive; a slower one gets 408.",
    ),
    option(
        "--max-connections",
        section="Listening",
        type=int,
        metavar="N",
        help="Largest number of connections at once; more get 503. By default about as many as this process may have open files.",
    ),
    option(
        "--workers",
        section="Listening",
        type=click.IntRange(1),
        default=_LISTENING.workers,
        metavar="N",
        help="Processes that serve the port together. More than one needs a --store that they share.",
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
    option(
        "--stop-with-stdin",
        section="Listening",
        is_flag=True,
        default=False,
        help="Stop when standard input closes. For programs that start the server: it ends with them even if they are killed.",
    ),
)
answer_options = declared(
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
        help="Requests that Relace answers but does not document, such as a lone string as input: observed answers them and adds a note to the journal, documented refuses them.",
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
scenario_options = declared(
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
recording_options = declared(
    option(
        "--upstream",
        section="Recordings",
        metavar="URL",
        help="Real endpoint, with or without /v1, such as https://embeddings.endpoint.relace.run. It is asked for the vectors that are not recorded.",
    ),
    option(
        "--upstream-key",
        section="Recordings",
        metavar="KEY",
        help="API key for the upstream. Without one, the key of each request is sent.",
    ),
    option(
        "--record",
        section="Recordings",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Record the vectors of the upstream in this file. Texts that it already holds are answered from it.",
    ),
    option(
        "--keep-text",
        section="Recordings",
        is_flag=True,
        default=False,
        help="Record the texts too. By default a recording has only their hashes.",
    ),
    option(
        "--replay",
        section="Recordings",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Answer with the vectors of this recording.",
    ),
    option(
        "--on-miss",
        section="Recordings",
        type=Choice(get_args(OnMiss)),
        help="What to do with a text that is not recorded: error answers 500, synthesize makes a vector up, forward asks the upstream. By default forward with --upstream, else error.",
    ),
)
store_options = declared(
    option(
        "--store",
        section="Shared store",
        default="memory",
        metavar="memory|URL",
        help="Keep state and journal in memory, or in a Redis for several workers and servers: redis://HOST:PORT, or rediss:// with TLS. Needs relace-mock[redis].",
    ),
    option(
        "--store-prefix",
        section="Shared store",
        default=_DEFAULTS.store_prefix,
        metavar="TEXT",
        help="Prefix of all key names in Redis. Servers with the same prefix share their state.",
    ),
    option(
        "--store-ttl",
        section="Shared store",
        type=Seconds(),
        default="24h",
        help="Time after which Redis drops keys that were not used.",
    ),
    option(
        "--store-timeout",
        section="Shared store",
        type=Seconds(),
        default="2s",
        help="Time that a request waits for Redis before it gets a 500.",
    ),
)
limit_options = declared(
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
        help="Idle time after which the state of an API key may be dropped to make room for another key.",
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
        help="Largest number of texts, or of files to rank, in a request; more get 413.",
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
