"""The command line: ``relace-mock``.

Every option is also an environment variable: ``--max-body`` is ``RELACE_MOCK_MAX_BODY``.
A user's mistake prints one line on standard error and ends with exit code 2.
"""

from __future__ import annotations

import sys

import click

from relace_mock.cli.groups import Commands
from relace_mock.cli.streams import accept_any_text, complain, discard
from relace_mock.cli.suggestions import hint, nearest
from relace_mock.settings import ServerError, SettingsError
from relace_mock.version import __version__

# The commands, and where each is: only the one that runs is imported.
_OWN = {
    name: (f"relace_mock.cli.{name}", name)
    for name in ("embed", "health", "recording", "requests", "run", "scenario", "search", "serve")
}
_KIT = {
    "verify-client": ("relace_contract.cli.verify_client", "verify_client"),
    "verify-server": ("relace_contract.cli.verify_server", "verify_server"),
}
_EXAMPLES = """
\b
Examples:
  relace-mock serve                                   start a server at http://127.0.0.1:8080/v1
  relace-mock run -- python app.py                    answer the requests of app.py to Relace
  relace-mock embed "def f(): pass"                   print the same vectors, without a server
  relace-mock search "parse a cookie header" src      find the functions that do this
  relace-mock scenario list                           list the failures that the server can play
  relace-mock verify-server http://127.0.0.1:8080/v1  check that a server keeps the contract
"""


@click.group(
    cls=Commands,
    late=_OWN | _KIT,
    without_output=_KIT,  # they write reports to files
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="relace-mock")
def cli() -> None:
    """Run a local fake of Relace's code-embedding API, or check clients and servers."""


def main() -> None:
    """Run the command line. Report an error as one line, with exit code 2; for ``run``, 125."""
    accept_any_text()
    try:
        code = cli.main(prog_name="relace-mock", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
    except click.NoSuchOption as error:
        complain(_no_such_option(error))
    except click.ClickException as error:
        complain(_without_keys(error.format_message()))
    except SettingsError as error:
        complain(error.brief)
    except ServerError as error:
        complain(str(error))
    except OSError as error:
        discard(sys.stdout)  # the error may have come from standard output itself
        complain(str(error))
    except (click.Abort, KeyboardInterrupt):
        complain("stopped")
    if sys.argv[1:2] == ["run"]:
        from relace_mock.cli.run import OWN_FAILURE

        sys.exit(OWN_FAILURE)
    sys.exit(2)


def _without_keys(text: str) -> str:
    """A message about a wrong value, which may be a key in the wrong place."""
    from relace_mock.journal.redaction import Redaction

    return Redaction((), b"", "hidden").line(text)


def _no_such_option(error: click.NoSuchOption) -> str:
    """Error message for an unknown option.

    It repeats the option only if a known option is similar: otherwise it may be a key.
    """
    if error.ctx is None:
        return "No such option"
    given, command = error.option_name, error.ctx.command
    known = _options(command, error.ctx)
    if meant := hint(given, known):
        return f"No such option '{given}'{meant}"
    if isinstance(command, Commands):
        below = {
            name: _options(each, error.ctx)
            for name in command.list_commands(error.ctx)
            if (each := command.get_command(error.ctx, name))
        }
        near = nearest(given, sorted({option for options in below.values() for option in options}))
        owners = ", ".join(name for name, options in below.items() if near in options)
        if near == given:
            return f"'{given}' belongs to {owners}: write it after the command"
        if near:
            return f"No such option '{given}': did you mean {near}, which belongs to {owners}?"
    return f"No such option: `{error.ctx.command_path} --help` lists the options"


def _options(command: click.Command, ctx: click.Context) -> list[str]:
    """The options of a command, with ``--help``."""
    parameters = command.get_params(ctx)
    return [
        name
        for parameter in parameters
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in (*parameter.opts, *parameter.secondary_opts)
    ]
