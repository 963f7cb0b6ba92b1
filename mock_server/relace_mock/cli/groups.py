"""Groups of commands: late imports, suggestions, and warnings about misspelt variables."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

import click

from relace_mock.cli.environment import PREFIXES, warnings
from relace_mock.cli.suggestions import hint, nearest

# Two words of at least this similarity to a command, when they are joined, are that command.
_HALVES = 0.8


class Commands(click.Group):
    """A group of commands, some of which are imported only when they are used.

    ``late`` maps the name of such a command to its module and its name there. The commands
    ``without_output`` work even if standard output is closed. The error message for an unknown
    command does not repeat the word, because it may be a key.
    """

    def __init__(
        self,
        *arguments: Any,
        late: Mapping[str, tuple[str, str]] | None = None,
        without_output: Collection[str] = (),
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self._late = late or {}
        self._without_output = without_output

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102 - click documents it
        return sorted([*super().list_commands(ctx), *self._late])

    def get_command(  # noqa: D102 - click documents it
        self, ctx: click.Context, cmd_name: str
    ) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if cmd_name in self._late:
            module, name = self._late[cmd_name]
            command = getattr(import_module(module), name)
        if command is None or isinstance(command, click.Group):
            return command
        return _warning(command)

    def resolve_command(  # noqa: D102 - click documents it
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if not args[0].startswith("-") and args[0] not in known and not ctx.resilient_parsing:
            meant = _meant(args, known) or f": the commands are {', '.join(known)}"
            raise click.UsageError(f"No such command{meant}")
        if sys.stdout is None and args[0] not in self._without_output:
            raise click.UsageError("standard output is closed: redirect it to a file")
        return super().resolve_command(ctx, args)


def _meant(words: list[str], known: list[str]) -> str:
    """Return ``: did you mean …?`` for the first of some words, which is no command.

    The next word may be the other half of the command, as in ``verify server``.
    """
    joined = nearest("-".join(words[:2]), known, least=_HALVES) if words[1:] else None
    halves = [name for name in known if name.startswith(f"{words[0]}-")]
    if joined or halves:
        return f": did you mean {joined or ' or '.join(halves)}?"
    return hint(words[0], known)


def _warning(command: click.Command) -> click.Command:
    """Return a copy of a command that first warns about misspelt environment variables."""
    run = command.callback
    assert run is not None

    def warn_and_run(*arguments: Any, **settings: Any) -> Any:
        _warn(click.get_current_context())
        return run(*arguments, **settings)

    copied = copy.copy(command)
    copied.callback = warn_and_run
    return copied


def _warn(ctx: click.Context) -> None:
    own = _variables(ctx.command)
    for prefix in PREFIXES:
        if any(name.startswith(prefix) for name in own) and list(warnings(os.environ, prefix, own)):
            # The variable may belong to another command. Importing all commands to find out is
            # slow, so it happens only here.
            for line in warnings(os.environ, prefix, _all_variables(ctx.find_root())):
                click.echo(f"relace-mock: {line}", err=True)


def _variables(command: click.Command) -> set[str]:
    variables: set[str] = set()
    for parameter in command.params:
        names = parameter.envvar or ()
        variables.update([names] if isinstance(names, str) else names)
    return variables


def _all_variables(ctx: click.Context) -> set[str]:
    """Return the variables of a command, or of all commands below a group."""
    group = ctx.command
    if not isinstance(group, click.Group):
        return _variables(group)
    variables: set[str] = set()
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is not None:
            variables |= _all_variables(click.Context(command, parent=ctx, info_name=name))
    return variables
