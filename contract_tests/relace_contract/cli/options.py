"""The options that every ``verify-`` command takes."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])
_EXAMPLES = 20
FILE = click.Path(path_type=Path, dir_okay=False)


def option(name: str, *destination: str, **settings: Any) -> Callable[[_Command], _Command]:
    """A ``click`` option that an environment variable can set, too."""
    variable = "RELACE_VERIFY_" + name.removeprefix("--").replace("-", "_").upper()
    settings.setdefault("envvar", variable)
    return click.option(name, *destination, show_envvar=True, show_default=True, **settings)


def kit_options(command: _Command) -> _Command:
    """Add the options that every ``verify-`` command takes."""
    for add in reversed(
        [
            option(
                "--only",
                multiple=True,
                metavar="ID,ID",
                help="Run only these checks or families, separated by commas; repeatable.",
            ),
            option("--list", "listed", is_flag=True, help="List the checks and exit."),
            option(
                "--report",
                "reports",
                multiple=True,
                type=FILE,
                help="Write a report to this file: .xml (JUnit), .json or .html; repeatable.",
            ),
            option(
                "--verbose",
                is_flag=True,
                help="Print every finding, instead of one example for each cause.",
            ),
            option("--strict", is_flag=True, help="Fail if a SHOULD does not hold, too."),
            option(
                "--known-failures",
                type=FILE,
                help="File that lists the checks that are known to fail, one on each line.",
            ),
            option(
                "--write-known-failures",
                type=FILE,
                help="Write the checks that fail now to this file, for --known-failures.",
            ),
            option(
                "--badge",
                type=FILE,
                help="Write a badge with the level that the server or client has reached; .svg.",
            ),
            option(
                "--policy",
                type=FILE,
                help="YAML file of the policies that the server or client claims.",
            ),
            option("--seed", type=int, default=0, help="Seed for generated test data."),
            option(
                "--examples",
                type=click.IntRange(min=1),
                default=_EXAMPLES,
                help="Number of generated examples for each property.",
            ),
            option(
                "--timeout",
                type=click.FloatRange(min=0.1),
                default=30.0,
                metavar="SECONDS",
                help="Seconds that one check may take.",
            ),
        ]
    ):
        command = add(command)
    return command


def repeated(
    *,
    policy: Path | None,
    examples: int,
    bad_key: str | None = None,
    cacert: Path | None = None,
    **_: Any,
) -> str:
    """The options that a command needs in order to reproduce a finding. It contains no key."""
    words = ["--cacert", shlex.quote(str(cacert))] if cacert else []
    words += ["--policy", shlex.quote(str(policy))] if policy else []
    if examples != _EXAMPLES:
        words += ["--examples", str(examples)]
    if bad_key:
        words += ["--bad-key", "$RELACE_BAD_KEY"]
    return " ".join(words)
