"""The command line: ``relace-mock``.

Every option is also an environment variable: ``--max-body`` is ``RELACE_MOCK_MAX_BODY``.
What a user got wrong is one line on standard error and exit code 2.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from relace_mock import __version__
from relace_mock.commands import option, scenario
from relace_mock.exchange import OutputDtype
from relace_mock.settings import (
    BinaryDtype,
    BitOrder,
    Http,
    Listening,
    ResetForm,
    ServerError,
    Settings,
    SettingsError,
    SpaceName,
    UnknownKeyStatus,
    parse_size,
)

# One core is enough for products of 64 x 64 matrices, and each further thread that NumPy's
# BLAS starts costs memory. Must be set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_KIT = {
    "verify-client": ("relace_contract.client.command", "verify_client"),
    "verify-server": ("relace_contract.command", "verify_server"),
}
_DEFAULTS = Settings()
_LISTENING = Listening()
_Command = TypeVar("_Command", bound=Callable[..., Any])


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


class Commands(click.Group):
    """Commands; a word that is none is not repeated, as it may be a key.

    Those of the kit are imported when they are asked for: `serve` starts without.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102 - click documents it
        return sorted([*super().list_commands(ctx), *_KIT])

    def get_command(  # noqa: D102 - click documents it
        self, ctx: click.Context, cmd_name: str
    ) -> click.Command | None:
        if cmd_name in _KIT:
            module, name = _KIT[cmd_name]
            command: click.Command = getattr(import_module(module), name)
            return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(  # noqa: D102 - click documents it
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if not args[0].startswith("-") and args[0] not in known:
            raise click.UsageError(f"No such command: there are {', '.join(known)}")
        return super().resolve_command(ctx, args)


class OptionsOnly(click.Command):
    """A command without arguments; a stray one is not repeated, as it may be a key."""

    allow_extra_args = True

    def invoke(self, ctx: click.Context) -> Any:  # noqa: D102 - click documents it
        if ctx.args:
            raise click.UsageError("Got unexpected extra argument: each value needs its option")
        return super().invoke(ctx)


def vector_options(command: _Command) -> _Command:
    """What decides a vector."""
    for add in reversed(
        [
            option("--seed", type=int, default=_DEFAULTS.seed, help="Moves every vector."),
            option(
                "--embedding",
                type=click.Choice(get_args(SpaceName)),
                default=_DEFAULTS.embedding,
                help="Like code gets like vectors, or independent vectors.",
            ),
            option(
                "--dimensions",
                type=int,
                default=_DEFAULTS.dimensions,
                help="Components of a vector: a multiple of 8 up to 8192.",
            ),
            option(
                "--binary-dtype",
                type=click.Choice(get_args(BinaryDtype)),
                default=_DEFAULTS.binary_dtype,
                help="How a byte of a binary vector is written.",
            ),
            option(
                "--bit-order",
                type=click.Choice(get_args(BitOrder)),
                default=_DEFAULTS.bit_order,
                help="Whether the first dimension is a byte's most significant bit.",
            ),
        ]
    ):
        command = add(command)
    return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="relace-mock")
def cli() -> None:
    """A local fake of Relace's code-embedding API."""


@cli.command(cls=OptionsOnly)
@option("--host", default=_LISTENING.host, help="Address to listen on.")
@option(
    "--port", type=click.IntRange(0, 65535), default=_LISTENING.port, help="0 takes any free one."
)
@option(
    "--api-key",
    "api_keys",
    multiple=True,
    metavar="KEY",
    help="A known key; repeatable (in the variable, blanks between). With none, all are.",
)
@option(
    "--unknown-key-status",
    type=click.Choice([str(status) for status in get_args(UnknownKeyStatus)]),
    default=str(_DEFAULTS.unknown_key_status),
    help="What a key gets that is not known.",
)
@vector_options
@option("--scenario", metavar="NAME|FILE", help="Played to every key without its own.")
@option(
    "--scenarios",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder of scenarios, beside the bundled ones.",
)
@option("--scenario-seed", type=int, default=_DEFAULTS.scenario_seed, help="Moves chance.")
@option("--rate-limit", metavar="N/TIME", help="A quota for each key, as 3/60s.")
@option(
    "--rate-limit-reset",
    type=click.Choice(get_args(ResetForm)),
    default=_DEFAULTS.rate_limit_reset,
    help="How X-RateLimit-Reset is written.",
)
@option("--journal-size", type=int, default=_DEFAULTS.journal_size, help="Requests that are kept.")
@option("--journal-bytes", type=Size(), default="32MB", help="Bytes of them that are kept.")
@option(
    "--max-namespaces", type=int, default=_DEFAULTS.max_namespaces, help="Keys whose state is kept."
)
@option("--control-token", metavar="TOKEN", help="What control requests need; off loopback always.")
@option("--reload", is_flag=True, default=False, help="Read scenario files again when they change.")
@option("--max-body", type=Size(), default="50MB", help="Largest request body.")
@option("--max-inputs", type=int, default=_DEFAULTS.max_inputs, help="Most texts in a request.")
@option("--cache-bytes", type=Size(), default="32MB", help="Rendered vectors to keep.")
@option(
    "--http",
    type=click.Choice(get_args(Http)),
    default=_LISTENING.http,
    help="uvicorn's HTTP implementation.",
)
@option("--ssl-certfile", type=click.Path(path_type=Path), help="Certificate, for https.")
@option("--ssl-keyfile", type=click.Path(path_type=Path), help="Its private key.")
def serve(
    host: str,
    port: int,
    http: Any,
    ssl_certfile: Path | None,
    ssl_keyfile: Path | None,
    unknown_key_status: str,
    **settings: Any,
) -> None:
    """Answer POST /v1/code/embed until stopped."""
    gc.disable()  # while modules load, nothing is garbage
    from relace_mock.server import RunningServer
    from relace_mock.server import serve as run

    _keep_memory()

    def ready(server: RunningServer) -> None:
        gc.enable()
        gc.freeze()  # what is loaded stays
        gc.set_threshold(20_000, 20, 50)  # the journal holds many objects, none in a cycle
        _write(f"relace-mock ready: {server.base_url}\n".encode())

    if not settings["api_keys"] and os.environ.get("RELACE_MOCK_API_KEY"):
        raise click.UsageError("RELACE_MOCK_API_KEY holds no key")
    if ssl_keyfile is not None and ssl_certfile is None:
        raise click.UsageError("--ssl-keyfile needs --ssl-certfile")
    run(
        Settings(unknown_key_status=int(unknown_key_status), **settings),  # type: ignore[arg-type]
        Listening(
            host=host, port=port, http=http, ssl_certfile=ssl_certfile, ssl_keyfile=ssl_keyfile
        ),
        ready,
    )


@cli.command()
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, help="Repeatable.")
@option("--model", default="relace-embed-v1", help="Each model has a space of its own.")
@vector_options
@option(
    "--output-dtype",
    type=click.Choice(get_args(OutputDtype)),
    default="float",
    help="As in the API.",
)
@option(
    "--format",
    "file_format",
    type=click.Choice(["json", "npy"]),
    default="json",
    help="What the endpoint answers, or a NumPy file with a row for each text.",
)
def embed(
    texts: tuple[str, ...],
    files: tuple[Path, ...],
    model: str,
    output_dtype: Any,
    file_format: str,
    **settings: Any,
) -> None:
    """Write the vectors of TEXTs, files or standard input, without a server."""
    from relace_mock.exchange import EmbedRequest
    from relace_mock.rendering import render
    from relace_mock.vectors.embedder import Embedder

    inputs = [*map(_argument, texts), *map(_contents, files)]
    if not inputs:
        if sys.stdin is None:
            raise click.UsageError("standard input is closed: give a TEXT or --file")
        inputs = [_decoded(sys.stdin.buffer.read(), "standard input")]
    if not model:
        raise click.UsageError("--model must not be empty")
    request = EmbedRequest(_argument(model), inputs, output_dtype)
    embedded = Embedder(Settings(**settings)).embed(request)
    answer = render(embedded).body
    if file_format == "npy":
        import numpy as np
        import orjson

        if sys.stdout.isatty():
            raise click.UsageError("--format npy is not for a terminal: add > vectors.npy")
        rows = [result["embedding"] for result in orjson.loads(answer)["results"]]
        dtype = "float64" if output_dtype == "float" else settings["binary_dtype"]
        file = io.BytesIO()  # as NumPy cannot write to a pipe
        np.save(file, np.array(rows, dtype))
        _write(file.getvalue())
    else:
        _write(answer + b"\n")


def _keep_memory() -> None:
    """Let glibc keep what is freed, up to 16 MB: the next texts need as much again.

    It gives back more than it must, at several hundred page faults for each batch of texts.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library, or none to be found
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-1, 16 << 20)  # M_TRIM_THRESHOLD
        mallopt(-3, 4 << 20)  # M_MMAP_THRESHOLD


def _write(content: bytes) -> None:
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        sys.stdout = None  # so that Python does not try to flush it again
        raise click.ClickException(f"cannot write: {error.strerror}") from None


cli.add_command(scenario)


def _argument(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError("an argument is not UTF-8; a TEXT may come from a file") from None
    return text


def _contents(path: Path) -> str:
    try:
        return _decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from None


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name} is not UTF-8 at byte {error.start}") from None


def main() -> None:
    """The entry point: runs a command and turns what went wrong into one line."""
    try:
        if sys.stdout is None:
            raise click.UsageError("standard output is closed")
        sys.exit(cli.main(standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
    except click.ClickException as error:
        _complain(error.format_message())
    except (SettingsError, ServerError) as error:
        _complain(str(error))
    except OSError as error:
        _complain(str(error))
        sys.stdout = None  # it may be what failed: Python need not flush it again
    except (click.Abort, KeyboardInterrupt):
        _complain("stopped")
    sys.exit(2)


def _complain(message: str) -> None:
    click.echo(f"relace-mock: {' '.join(message.splitlines())}", err=True)
