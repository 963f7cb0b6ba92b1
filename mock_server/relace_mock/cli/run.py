"""``relace-mock run``."""

from __future__ import annotations

import copy
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from relace_mock.cli.options import Command, option
from relace_mock.cli.serve import configured, serve
from relace_mock.cli.streams import complain

#: Exit code if the run itself fails: the command's own exit codes must not be mistaken for it.
OWN_FAILURE = 125
_EXAMPLES = """
\b
Examples:
  relace-mock run -- python app.py
      answer the requests of app.py to Relace, whatever URL is written into it
  relace-mock run --scenario rate-limited-twice -- npm test
      play a scenario for them
  relace-mock run --block-others --strict -- pytest -n 4
      refuse every other host; fail if the tests make no request to Relace
"""


def _options_of_serve() -> list[click.Parameter]:
    """The options of ``serve`` that ``run`` has too. Here, any free port is the default.

    Two are left out: one worker is enough for one command, and standard input is the command's.
    """
    options = []
    for parameter in serve.params:
        if parameter.name in ("workers", "stop_with_stdin"):
            continue
        own = copy.copy(parameter)
        if own.name == "port":
            own.default = 0
        options.append(own)
    return options


@click.command(
    cls=Command,
    epilog=_EXAMPLES,
    options_metavar="[OPTIONS] --",
    context_settings={"allow_interspersed_args": False},
)
@option(
    "--block-others",
    section="The command",
    is_flag=True,
    default=False,
    help="Refuse all hosts but Relace's and this machine, and name them at the end.",
)
@option(
    "--strict",
    section="The command",
    is_flag=True,
    default=False,
    help="End with exit code 1 if the command made no request to Relace, if a connection to Relace did not reach the mock, or if the verdict is not ok.",
)
@option(
    "--report",
    section="The command",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the summary to a file, as JSON.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    command: tuple[str, ...], block_others: bool, strict: bool, report: Path | None, **options: Any
) -> int:
    """Run a command, and answer its requests to Relace with a mock.

    It starts a mock. Requests of COMMAND and of its child processes to api.relace.run and
    *.endpoint.relace.run go to the mock; the program itself needs no change. At the end it prints
    a summary on standard error, and ends with the exit code of COMMAND.
    """
    from relace_mock.interception.command import CannotStartError
    from relace_mock.interception.session import run as run_command

    options["access_log"] = bool(options["access_log"])  # standard error is the command's
    settings, listening = configured(workers=1, **options)
    if report is not None:
        _refuse_unwritable(report)
    _end_on_signals()
    try:
        summary = run_command(settings, listening, command, os.environ, block=block_others)
    except CannotStartError as error:
        complain(str(error))
        return error.code
    for line in summary.lines():
        complain(line)
    if report is not None:
        report.write_bytes(summary.as_json())
    return summary.exit_code or int(strict and not summary.ok)


def _refuse_unwritable(report: Path) -> None:
    """Refuse a report that cannot be written, before the command runs."""
    folder = report.absolute().parent
    if not folder.is_dir():
        raise click.UsageError(f"--report: there is no folder {folder}: create it first")
    if not os.access(report if report.exists() else folder, os.W_OK):
        raise click.UsageError(f"--report: no right to write {report}: choose another file")


def _end_on_signals() -> None:
    """End with the usual exit code if a signal comes before the command runs, and clean up."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


run.params.extend(_options_of_serve())
