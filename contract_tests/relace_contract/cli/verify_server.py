"""``relace-mock verify-server``."""

from __future__ import annotations

from typing import Any

import click

from relace_contract.address import base_url
from relace_contract.cli.options import FILE, kit_options, option, repeated
from relace_contract.cli.run import listed as list_checks
from relace_contract.cli.run import refused, reported, usable


@click.command("verify-server")
@click.argument("url", required=False)
@option(
    "--api-key",
    envvar=["RELACE_VERIFY_API_KEY", "RELACE_API_KEY"],
    metavar="KEY",
    help="A key that the server knows; by default a made-up one is sent.",
)
@option(
    "--bad-key",
    metavar="KEY",
    help="A key that the server does not know; by default a made-up one is sent.",
)
@option(
    "--cacert",
    type=FILE,
    help="PEM file of certificates to trust, for a server with a private one; by default the file that "
    "SSL_CERT_FILE names.",
)
@option(
    "--live", is_flag=True, help="Check the live service with few requests, at most one a second."
)
@kit_options
def verify_server(url: str | None, *, listed: bool, **settings: Any) -> int:
    """Check that the embed endpoint of a server keeps the contract.

    URL is its address, such as http://127.0.0.1:8080, with or without /v1.

    Exit code 0: all MUSTs hold. 1: some checks fail. 2: the checks could not run.
    """
    if listed:
        return list_checks("server", settings["only"])
    if url is None:
        raise click.UsageError(
            "the address of the server is missing: "
            "write relace-mock verify-server http://127.0.0.1:8080"
        )
    kit = usable("relace_contract.server.verify")
    hide = kit.ServerOptions(
        url="", api_key=settings["api_key"], bad_key=settings["bad_key"]
    ).secrets.hide
    try:
        address = base_url(url)
    except ValueError as error:
        raise refused(hide(str(error))) from None
    repeat = repeated(**settings)
    return reported(
        "server",
        address,
        lambda options, say: kit.verify(
            kit.ServerOptions(url=address, repeat=repeat, **options), say
        ),
        hide=hide,
        **settings,
    )
