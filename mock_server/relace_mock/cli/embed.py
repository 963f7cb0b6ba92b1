"""``relace-mock embed``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, get_args

import click

from relace_mock.cli.arguments import as_text
from relace_mock.cli.options import Choice, Command, option, vector_options
from relace_mock.cli.streams import complain, discard
from relace_mock.counts import counted
from relace_mock.messages import OutputDtype
from relace_mock.settings import Settings

if TYPE_CHECKING:
    from relace_mock.cli.progress import Progress
    from relace_mock.cli.sources import Report
    from relace_mock.offline.files import Found
    from relace_mock.offline.output import Format
    from relace_mock.offline.pieces import Piece

_EXAMPLES = """
\b
Examples:
  relace-mock embed "def add(a, b): return a + b"
      print the endpoint's response for one text
  relace-mock embed --file src --output vectors.npz
      write the vectors of every function below src, with names and places
  relace-mock embed --file 'src/**/*.py' --format jsonl
      print a line of JSON for each function of these files
  relace-mock embed --file app.py --file lib.py --format npy > vectors.npy
      write a NumPy array with one row for each file
  git show HEAD:app.py | relace-mock embed --output-dtype binary
      embed standard input as one text
"""
_FORMATS = ("json", "jsonl", "npy", "npz")
_WITHOUT_PLACES = ("json", "npy")  # formats that do not say where a text comes from


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@option(
    "--file",
    "files",
    section="Texts",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="File, folder or quoted pattern such as 'src/**/*.py' to embed; repeatable. Files of folders and patterns are split into functions.",
)
@option(
    "--model",
    section="Texts",
    default="relace-embed-v1",
    help="Model name. Each model gives different vectors.",
)
@vector_options
@option(
    "--output-dtype",
    section="Output",
    type=Choice(get_args(OutputDtype)),
    default="float",
    help="float: a number for each dimension. binary: a byte for the signs of eight dimensions.",
)
@option(
    "--format",
    "file_format",
    section="Output",
    type=Choice(_FORMATS),
    help="json: the endpoint's response. jsonl: one JSON object per line, with name and place. npy: a NumPy array. npz: NumPy arrays with names and places. By default the ending of --output decides, else json.",
)
@option(
    "--output",
    section="Output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write, instead of standard output.",
)
def embed(
    texts: tuple[str, ...],
    files: tuple[Path, ...],
    model: str,
    output_dtype: Any,
    file_format: Format | None,
    output: Path | None,
    **settings: Any,
) -> None:
    """Print vectors without a server.

    It embeds every TEXT and every --file. Without any, it embeds standard input as one text. A file
    that --file names itself is one text in the formats json and npy, and is split into functions in
    jsonl and npz.

    The exit code is 1 if a file cannot be read. The other files are still embedded.
    """
    from relace_mock.cli.progress import Progress
    from relace_mock.cli.sources import Report, leave_numpy_one_thread

    leave_numpy_one_thread()
    from relace_mock.offline.output import Job, write
    from relace_mock.offline.pieces import Piece

    if not model:
        raise click.UsageError("--model must not be empty: give a name such as relace-embed-v1")
    chosen = file_format or _format_of(output)
    checked = Settings(**settings)
    if output is None and chosen in ("npy", "npz") and sys.stdout.isatty():
        raise click.UsageError(
            f"--format {chosen} writes bytes, but standard output is a terminal: "
            f"add --output vectors.{chosen}"
        )
    pieces = [Piece(as_text(text), "text", "") for text in texts]
    report = Report()
    with Progress() as progress:
        if files:
            _note_files_among(texts)
            pieces += _pieces(files, chosen, output, report, progress)
        elif not texts:
            pieces = [Piece(_standard_input(), "text", "")]

        def say(done: int) -> None:
            progress.say(f"embedded {done:,} of {counted(len(pieces), 'text')}")

        job = Job(pieces, as_text(model), output_dtype, checked, say)
        _to(output, lambda file: write(job, chosen, file))
    report.print()
    if report.failed:
        sys.exit(1)


def _pieces(
    files: Sequence[Path],
    file_format: Format,
    output: Path | None,
    report: Report,
    progress: Progress,
) -> list[Piece]:
    from relace_mock.cli.sources import pieces_of

    def is_whole(file: Found) -> bool:
        return file.named and file_format in _WITHOUT_PLACES

    pieces = pieces_of(files, report, progress, is_whole, output)
    if file_format in _WITHOUT_PLACES:
        # A missing text would shift the places of all later ones, and nobody would notice.
        for problem in report.failed:
            if problem.named:
                raise click.UsageError(f"cannot read {problem.path}: {problem.why}")
    if not pieces:
        progress.clear()
        report.print()
        raise click.UsageError("there is no text in these files: nothing to embed")
    return pieces


def _format_of(output: Path | None) -> Format:
    ending = output.suffix.lower().removeprefix(".") if output else "json"
    for known in ("json", "jsonl", "npy", "npz"):
        if ending == known:
            return known
    raise click.UsageError(
        f"--output {output} does not end with {', '.join(f'.{each}' for each in _FORMATS)}: "
        "rename it, or add --format"
    )


def _note_files_among(texts: Sequence[str]) -> None:
    """Warn about file names that a shell made of an unquoted pattern: they are taken as texts."""
    for text in texts:
        if os.path.isfile(text):  # noqa: PTH113 - Path refuses what a text may hold
            complain(
                f"{text} is a file, but its name was embedded as a text: write --file before each file, or "
                "quote the pattern, --file '*.py'"
            )
            return


def _to(output: Path | None, write: Callable[[IO[bytes]], None]) -> None:
    """Let a function write to standard output or a file. Replace a file only by a whole new one."""
    name = "standard output" if output is None else str(output)
    try:
        if output is None:
            write(sys.stdout.buffer)
            sys.stdout.buffer.flush()
        elif output.exists() and not output.is_file():  # such as /dev/stdout
            with output.open("wb") as file:
                write(file)
        else:
            _replace(output.resolve(), write)
    except OSError as error:
        if output is None:
            discard(sys.stdout)
        raise click.ClickException(f"cannot write to {name}: {error.strerror or error}") from None


def _replace(target: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write a new file beside the target, which then takes its place."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
        written.chmod(target.stat().st_mode if target.exists() else 0o666 & ~_umask())
        written.replace(target)
    except BaseException:
        written.unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _standard_input() -> str:
    if sys.stdin is None:
        raise click.UsageError("standard input is closed: give a TEXT or --file")
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"standard input is not UTF-8 at byte {error.start}: convert it to UTF-8"
        ) from None
