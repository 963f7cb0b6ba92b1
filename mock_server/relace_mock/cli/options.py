"""Options of commands: their environment variables, their value types, their place in the help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from relace_mock.cli.environment import is_of_a_service, variable_of
from relace_mock.cli.suggestions import hint
from relace_mock.settings import (
    BinaryDtype,
    BitOrder,
    Settings,
    SpaceName,
    parse_duration,
    parse_size,
)

_Declared = TypeVar("_Declared", bound=Callable[..., Any])
_DEFAULTS = Settings()


class Option(click.Option):
    """An option that an environment variable can set. ``section`` is its heading in the help."""

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:  # noqa: D102 - click documents it
        value = super().resolve_envvar_value(ctx)
        if value is not None and is_of_a_service(str(self.envvar), value):
            return None  # Kubernetes sets RELACE_MOCK_PORT=tcp://… for a service called relace-mock
        return value


class Choice(click.Choice[str]):
    """One of several words. The error message for a misspelt word suggests the nearest one."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: D102 - click documents it
        message = super().get_invalid_choice_message(value, ctx)
        suggested = hint(str(value), self.choices)
        return message.removesuffix(".") + suggested if suggested else message


class Size(click.ParamType[int]):
    """A number of bytes, as in ``50MB``."""

    name = "size"

    def convert(  # noqa: D102 - click documents it
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Seconds(click.ParamType[float]):
    """A duration in seconds, as in ``1h``."""

    name = "duration"

    def convert(  # noqa: D102 - click documents it
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Command(click.Command):
    """A command whose help shows its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: D102 - click documents it
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                section = getattr(parameter, "section", "Help")
                sections.setdefault(section, []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)


class OptionsOnly(Command):
    """A command that takes options only. Its error message repeats no argument: it may be a key."""

    allow_extra_args = True

    def invoke(self, ctx: click.Context) -> Any:  # noqa: D102 - click documents it
        if ctx.args:
            options = [name for parameter in self.params for name in parameter.opts]
            meant = hint(ctx.args[0], options)
            raise click.UsageError(
                f"Got unexpected extra argument: each value needs its option{meant}"
            )
        return super().invoke(ctx)


def option(
    name: str, *destination: str, section: str = "Options", **settings: Any
) -> Callable[[_Declared], _Declared]:
    """Declare an option that an environment variable can set."""
    return click.option(
        name,
        *destination,
        cls=Option,
        section=section,
        envvar=variable_of(name.partition("/")[0]),
        show_envvar=True,
        show_default=True,
        **settings,
    )


def declared(
    *options: Callable[[_Declared], _Declared],
) -> Callable[[_Declared], _Declared]:
    """Declare several options. The help shows them in this order."""

    def declare(command: _Declared) -> _Declared:
        for add in reversed(options):
            command = add(command)
        return command

    return declare


vector_options: Callable[[Any], Any] = declared(
    option(
        "--seed",
        section="Vectors",
        type=int,
        default=_DEFAULTS.seed,
        help="Seed of the vectors. Another seed gives every text another vector.",
    ),
    option(
        "--embedding",
        section="Vectors",
        type=Choice(get_args(SpaceName)),
        default=_DEFAULTS.embedding,
        help="semantic: similar code gets similar vectors. hash: different texts get unrelated vectors.",
    ),
    option(
        "--dimensions",
        section="Vectors",
        type=int,
        default=_DEFAULTS.dimensions,
        help="Length of each vector: a multiple of 8, at most 8192.",
    ),
    option(
        "--binary-dtype",
        section="Vectors",
        type=Choice(get_args(BinaryDtype)),
        default=_DEFAULTS.binary_dtype,
        help="Write each byte of a binary vector as a signed (int8) or an unsigned (uint8) number.",
    ),
    option(
        "--bit-order",
        section="Vectors",
        type=Choice(get_args(BitOrder)),
        default=_DEFAULTS.bit_order,
        help="Put the first of eight dimensions into the highest (big) or lowest (little) bit of a byte.",
    ),
)

scenarios_option = option(
    "--scenarios",
    section="Scenarios",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with your own scenario files. The bundled scenarios stay available.",
)
