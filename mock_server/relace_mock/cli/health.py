"""``relace-mock health``."""

from __future__ import annotations

import json
import sys
import time

import click

from relace_mock.cli.options import OptionsOnly, Seconds, option
from relace_mock.cli.running_mock import url_option
from relace_mock.cli.streams import complain

_EXAMPLES = """
\b
Examples:
  relace-mock serve & relace-mock health && npm test
      run tests as soon as the mock answers
  relace-mock health --wait 0s
      ask only once, as the health check of a container does
"""
_EVERY = 0.05  # seconds between two looks
_LONGEST = 5.0  # seconds that one look may take


class _Duration(Seconds):
    """A duration that may be zero, with or without a unit."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        return 0.0 if value == "0" else super().convert(value, param, ctx)


@click.command(cls=OptionsOnly, epilog=_EXAMPLES)
@url_option
@option(
    "--wait",
    section="Mock",
    type=_Duration(),
    default="10s",
    help="Time to wait for the mock to answer; 0s asks only once.",
)
def health(url: str, wait: float) -> None:
    """Wait until the mock answers.

    The exit code is 0 if it answers in time, else 1.
    """
    end = time.monotonic() + wait
    while True:
        version, problem = _look(url, max(min(end - time.monotonic(), _LONGEST), 1.0))
        if version is not None:
            print(f"relace-mock {version} answers at {url}")
            return
        left = end - time.monotonic()
        if left <= 0:
            complain(f"{problem} (waited {wait:g} s)" if wait else problem)
            sys.exit(1)
        time.sleep(min(_EVERY, left))


def _look(url: str, timeout: float) -> tuple[str | None, str]:
    """Ask once: the version of the mock that answers, or None and the problem."""
    from relace_mock.control.connection import over_a_socket
    from relace_mock.settings import ServerError

    try:
        status, body = over_a_socket(url, timeout)("GET", "/_mock/health", {}, b"")
    except ServerError as error:
        return None, str(error)
    try:
        told = json.loads(body)
        if status == 200 and told["status"] == "ok":
            return str(told["version"]), ""
    except (ValueError, KeyError, TypeError):
        pass
    return None, f"the server at {url} is not a relace-mock: check the URL"
