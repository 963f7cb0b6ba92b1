"""Options and errors of the commands that ask a running mock."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import click

from relace_mock.cli.options import option

_DEFAULT = "http://127.0.0.1:8080/v1"


class Address(click.ParamType[str]):
    """The URL of a running mock, with or without ``/v1``. The converted URL has ``/v1``."""

    name = "url"

    def convert(  # noqa: D102 - click documents it
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        problem = f"not the URL of a mock: write {_DEFAULT}"
        try:
            url = urlsplit(str(value))
            port = url.port
        except ValueError:
            self.fail(problem, param, ctx)
        if (
            url.scheme not in ("http", "https")
            or not url.hostname
            or url.path.rstrip("/") not in ("", "/v1")
            or url.username is not None
            or url.query
            or url.fragment
        ):
            self.fail(problem, param, ctx)
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        return f"{url.scheme}://{host}{'' if port is None else f':{port}'}/v1"


url_option = option(
    "--url",
    section="Mock",
    type=Address(),
    default=_DEFAULT,
    help="Address of the running mock, with or without /v1.",
)
