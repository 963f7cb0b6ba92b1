"""``relace-mock requests``."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from relace_mock.cli.options import OptionsOnly, option
from relace_mock.cli.running_mock import url_option
from relace_mock.cli.streams import complain, discard
from relace_mock.colour import is_wanted
from relace_mock.counts import counted

if TYPE_CHECKING:
    from relace_mock.control.following import Entry, Follower

_EXAMPLES = """
\b
Examples:
  relace-mock requests
      print what the mock at http://127.0.0.1:8080/v1 was asked, one request per line
  relace-mock requests --follow --api-key rlc-mine
      print the requests of one key as they happen, until Ctrl-C
  relace-mock requests --json | jq -r .status
      print JSON for another program
"""
_EVERY = 0.2  # seconds between two looks at the journal


@click.command(cls=OptionsOnly, epilog=_EXAMPLES)
@url_option
@option(
    "--follow/--no-follow",
    section="Requests",
    default=False,
    help="Keep running until Ctrl-C, and print each new request when it is complete.",
)
@option(
    "--api-key",
    section="Requests",
    metavar="KEY",
    help="Print only the requests of this API key.",
)
@option(
    "--json",
    "as_json",
    section="Requests",
    is_flag=True,
    default=False,
    help="Print each entry of the journal as a line of JSON.",
)
@option(
    "--control-token",
    section="Mock",
    metavar="TOKEN",
    help="Token that the mock was started with.",
)
def requests(
    url: str, follow: bool, api_key: str | None, as_json: bool, control_token: str | None
) -> None:
    """Print the journal of a running mock, one request per line.

    Each line has the time, a hash of the key, status, duration, inputs and tokens; then the
    scenario and step that answered, the attempt, and the gap since the attempt before.
    """
    _refuse_unsendable("--api-key", api_key)
    _refuse_unsendable("--control-token", control_token)
    from relace_mock.control.following import Follower, journal_of
    from relace_mock.settings import ServerError

    fetch = journal_of(url, api_key, control_token)
    show = _printer(as_json=as_json)
    try:
        if follow:
            with contextlib.suppress(KeyboardInterrupt):
                _follow(Follower(fetch, all_keys=api_key is None), show, url)
            return
        entries, dropped = fetch(None)
        if dropped:
            complain(f"{dropped} older requests were dropped: the journal was full")
        show(entries)
    except ServerError as error:
        if "X-Mock-Control-Token" in str(error):
            raise ServerError(f"{error}: give it with --control-token") from None
        raise
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        discard(sys.stdout)


def _follow(follower: Follower, show: Callable[[Sequence[Entry]], None], url: str) -> None:
    """Print entries until Ctrl-C. A mock that stops may start again."""
    from relace_mock.settings import ServerError

    lost = False
    show(follower.new())
    while True:
        time.sleep(max(_EVERY, 2 * follower.took))
        try:
            entries = follower.new()
        except ServerError as error:
            if not lost:
                complain(f"{error}: waiting for it to answer again")
            lost = True
            continue
        if lost:
            complain(f"the mock at {url} answers again")
        lost = False
        if follower.missed:
            requests = counted(follower.missed, "request was", "requests were")
            complain(
                f"{requests} not printed, because the journal was full: "
                "start the mock with a larger --journal-size or --journal-bytes"
            )
        show(entries)


def _printer(*, as_json: bool) -> Callable[[Sequence[Entry]], None]:
    from relace_mock.journal.line import Lines, summary_from

    lines = Lines(colour=is_wanted(sys.stdout))

    def show(entries: Sequence[Entry]) -> None:
        for entry in entries:
            print(json.dumps(entry) if as_json else lines.line(summary_from(entry)))
        sys.stdout.flush()

    return show


def _refuse_unsendable(option_name: str, value: str | None) -> None:
    """Refuse a value that cannot stand in a header field. The message does not repeat it."""
    if value is not None and not (value.isascii() and value.isprintable() and value.strip()):
        raise click.UsageError(f"{option_name} must be printable ASCII characters")
    if value is not None and option_name == "--api-key" and " " in value:
        raise click.UsageError(f"{option_name} takes one key, without blanks")
