"""``relace-mock scenario``, and how every command spells an option."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def option(name: str, *destination: str, **settings: Any) -> Callable[[_Command], _Command]:
    """A ``click`` option that an environment variable sets too."""
    variable = "RELACE_MOCK_" + name.removeprefix("--").replace("-", "_").upper()
    return click.option(
        name, *destination, envvar=variable, show_envvar=True, show_default=True, **settings
    )


@click.group()
def scenario() -> None:
    """List, explain and check scenarios."""


scenarios_option = option(
    "--scenarios",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder of scenarios, beside the bundled ones.",
)


@scenario.command("list")
@scenarios_option
def list_scenarios(folder: Path | None) -> None:
    """List the scenarios that there are."""
    from relace_mock.scenario.library import Library

    library = Library(folder)
    found = [library.get(name) for name in library.names()]
    width = max(len(each.name) for each in found if each)
    for each in found:
        if each:
            print(f"{each.name:{width}}  {each.description}")


@scenario.command()
@click.argument("name")
@scenarios_option
def show(name: str, folder: Path | None) -> None:
    """Say in words what a scenario does: NAME, or a file."""
    from relace_mock.scenario.describe import describe
    from relace_mock.scenario.library import SUFFIXES, Library, read_file

    if name.endswith(SUFFIXES) or "/" in name:
        print(describe(read_file(Path(name))))
        return
    library = Library(folder)
    found = library.get(name)
    if found is None:
        raise click.UsageError(library.unknown(name))
    print(describe(found))


@scenario.command()
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
def check(paths: tuple[Path, ...]) -> None:
    """Tell every mistake of files, or of the files of folders. Exit code 1 if there is one."""
    from relace_mock.scenario.library import files_in, read_file
    from relace_mock.scenario.mistakes import ScenarioError

    bad = 0
    files = [file for path in paths for file in (files_in(path) if path.is_dir() else [path])]
    for file in files:
        try:
            print(f"{file}: {read_file(file).name} is good")
        except ScenarioError as error:
            print(*(mistake.told for mistake in error.all), sep="\n")
            bad += 1
    if bad:
        sys.stdout.flush()
        sys.exit(1)
