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
@option("--stdio", metavar="CMD", help="A client that speaks JSON lines.")
@option("--command", metavar="CMD", help="A client that is run once for each call.")
@option("--python", metavar="MODULE:NAME", help="A client that is a Python callable.")
@option(
    "--feature",
    "features",
    multiple=True,
    metavar="WORD",
    help="What a --command can do, as it cannot say so: retry, retry_after, timeout, batch, "
    "binary, rate_limit; repeatable.",
)
@option("--jobs", type=click.IntRange(min=1), default=6, help="Checks that run at a time.")
@option(
    "--cacert",
    type=FILE,
    help="PEM file of certificates for the client to trust, for example that of an https proxy "
    "which it uses; the mock itself speaks http. The client's environment names the file in "
    "SSL_CERT_FILE, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE and NODE_EXTRA_CA_CERTS.",
)
@option(
    "--template",
    type=click.Choice(list(_TEMPLATES)),
    help="Print an adapter to begin with, and end.",
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
    """Hold a client of the embed endpoint to the contract, with the mock as its server.

    Exit code 0: all MUSTs hold. 1: some do not. 2: it could not be tried.
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
        raise click.UsageError("one of --stdio, --command and --python must say what to check")
    ((way, client),) = ways
    kit = usable("relace_contract.client.verify")
    keys_in_command = usable("relace_contract.server.keys").keys_in_command
    repeat = repeated(**settings)
    hide = keys_in_command(client).hide
    return reported(
        "client",
        client,
        lambda options, say: hide(
            kit.verify(kit.ClientOptions(way=way, client=client, repeat=repeat, **options), say)
        ),
        hide=hide,
        **settings,
    )
