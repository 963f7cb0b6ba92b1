"""``relace-mock scenario``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from relace_mock.cli.completion import complete_scenarios
from relace_mock.cli.groups import Commands
from relace_mock.cli.options import Command, scenarios_option

_EXAMPLES = """
\b
Examples:
  relace-mock scenario list                             list the bundled scenarios
  relace-mock scenario show rate-limited-twice          explain one of them
  relace-mock scenario check tests/scenarios mine.yaml  report every mistake in your own
"""


@click.group(cls=Commands, epilog=_EXAMPLES)
def scenario() -> None:
    """List, explain and check scenarios.

    A scenario tells the mock, step by step, how to answer, and how to fail.
    """


@scenario.command("list", cls=Command)
@scenarios_option
def list_scenarios(scenarios: Path | None) -> None:
    """List the scenarios, each with its description."""
    from relace_mock.scenario.library import Library

    library = Library(scenarios)
    found = [library.get(name) for name in library.names()]
    width = max(len(each.name) for each in found if each)
    for each in found:
        if each:
            print(f"{each.name:{width}}  {each.description}")


@scenario.command(cls=Command)
@click.argument("name", shell_complete=complete_scenarios)
@scenarios_option
def show(name: str, scenarios: Path | None) -> None:
    """Explain in words what a scenario does. NAME is a scenario's name or a file."""
    from relace_mock.scenario.describe import describe
    from relace_mock.scenario.library import Library, names_a_file, read_file

    if names_a_file(name):
        print(describe(read_file(Path(name))))
        return
    library = Library(scenarios)
    found = library.get(name)
    if found is None:
        raise click.UsageError(library.unknown(name))
    print(describe(found))


@scenario.command(cls=Command)
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
def check(paths: tuple[Path, ...]) -> None:
    """Report every mistake in scenario files. PATH is a file or a folder of files.

    Vectors must have as many numbers as the file's dimensions, or 2560, the default of a server.

    The exit code is 1 if there is a mistake.
    """
    from relace_mock.scenario.library import files_in, read_file
    from relace_mock.scenario.mistakes import ScenarioError
    from relace_mock.settings import Settings

    bad = 0
    for path in paths:
        try:
            files = files_in(path) if path.is_dir() else [path]
        except ScenarioError as error:
            print(*(mistake.told for mistake in error.all), sep="\n")
            bad += 1
            continue
        for file in files:
            try:
                print(f"{file}: {read_file(file, Settings().dimensions).name} is good")
            except ScenarioError as error:
                print(*(mistake.told for mistake in error.all), sep="\n")
                bad += 1
    if bad:
        sys.stdout.flush()
        sys.exit(1)
