"""``relace-mock verify-client``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from relace_contract.cli.options import FILE, kit_options, option, repeated
from relace_contract.cli.run import listed as list_checks
from relace_contract.cli.run import reported, usable

_TEMPLATES = {"python": "template.py", "javascript": "fetch.mjs", "shell": "curl.sh"}


@click.command("verify-client")
@option(
    "--stdio",
    metavar="CMD",
    help="Client to start; it reads calls and writes answers as JSON lines.",
)
@option("--command", metavar="CMD", help="Client to run once for each call.")
@option(
    "--python",
    metavar="MODULE:NAME",
    help="Client to call in this process: a Python function or class.",
)
@option(
    "--feature",
    "features",
    multiple=True,
    metavar="WORD",
    help="A feature of a --command client, which cannot report its features itself: retry, "
    "retry_after, timeout, batch, binary, rate_limit; repeatable.",
)
@option(
    "--jobs", type=click.IntRange(min=1), default=6, help="Number of checks that run in parallel."
)
@option(
    "--cacert",
    type=FILE,
    help="PEM file of certificates that the client should trust, for example that of an https "
    "proxy; the mock itself speaks http. The client finds the file in its environment, in "
    "SSL_CERT_FILE, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE and NODE_EXTRA_CA_CERTS.",
)
@option(
    "--template",
    type=click.Choice(list(_TEMPLATES)),
    help="Print an adapter to start from, and exit.",
)
@kit_options
def verify_client(
    stdio: str | None,
    command: str | None,
    python: str | None,
    template: str | None,
    *,
    listed: bool,
    **settings: Any,
) -> int:
    """Check that a client of the embed endpoint keeps the contract; the mock is its server.

    Exit code 0: all MUSTs hold. 1: some checks fail. 2: the checks could not run.
    """
    if template is not None:
        folder = Path(__file__).parent.parent / "adapters" / "examples"
        click.echo((folder / _TEMPLATES[template]).read_bytes(), nl=False)
        return 0
    if listed:
        return list_checks("client", settings["only"])
    given = {"stdio": stdio, "command": command, "python": python}
    ways = [(way, client) for way, client in given.items() if client is not None]
    if len(ways) != 1:
        raise click.UsageError(
            "give exactly one of --stdio, --command and --python, such as "
            "--stdio 'python adapter.py'"
        )
    ((way, client),) = ways
    kit = usable("relace_contract.client.verify")
    keys_in_command = usable("relace_contract.server.command_keys").keys_in_command
    repeat = repeated(**settings)
    hide = keys_in_command("" if way == "python" else client).hide
    return reported(
        "client",
        client,
        lambda options, say: hide(
            kit.verify(kit.ClientOptions(way=way, client=client, repeat=repeat, **options), say)
        ),
        hide=hide,
        **settings,
    )
