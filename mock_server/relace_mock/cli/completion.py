"""Shell completion for the names of scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_scenarios(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the scenario names that begin with ``incomplete``; if none does, complete files."""
    from click.shell_completion import CompletionItem

    from relace_mock.scenario.library import Library
    from relace_mock.scenario.mistakes import ScenarioError

    try:
        library = Library(ctx.params.get("scenarios"))
    except ScenarioError:  # a bad scenario file must not break completion
        library = Library()
    names = [name for name in library.names() if name.startswith(incomplete)]
    if not names:
        return [CompletionItem(incomplete, type="file")]
    found = [(name, library.get(name)) for name in names]
    return [CompletionItem(name, help=each.description if each else "") for name, each in found]
