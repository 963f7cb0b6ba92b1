"""``relace-mock embed``."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any, get_args

import click

from relace_mock.cli.options import Choice, Command, option, vector_options
from relace_mock.cli.writing import write
from relace_mock.messages import OutputDtype
from relace_mock.settings import Settings

_EXAMPLES = """
\b
Examples:
  relace-mock embed "def add(a, b): return a + b"
      print the endpoint's response for one text
  relace-mock embed --file app.py --file lib.py --format npy > vectors.npy
      write a NumPy array with one row for each file
  git show HEAD:app.py | relace-mock embed --output-dtype binary
      embed standard input as one text
"""


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@option(
    "--file",
    "files",
    section="Texts",
    type=click.Path(path_type=Path),
    multiple=True,
    help="File to embed as one text; repeatable.",
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
    type=Choice(["json", "npy"]),
    default="json",
    help="json: the endpoint's response. npy: a NumPy file with one row for each text.",
)
def embed(
    texts: tuple[str, ...],
    files: tuple[Path, ...],
    model: str,
    output_dtype: Any,
    file_format: str,
    **settings: Any,
) -> None:
    """Print vectors without a server.

    The texts are the TEXTs, the files, or else standard input.
    """
    from relace_mock.messages import EmbedRequest
    from relace_mock.rendering.embed import results
    from relace_mock.vectors.rows import Embedder

    inputs = [*map(_argument, texts), *map(_contents, files)]
    if not inputs:
        if sys.stdin is None:
            raise click.UsageError("standard input is closed: give a TEXT or --file")
        inputs = [_decoded(sys.stdin.buffer.read(), "standard input")]
    if not model:
        raise click.UsageError("--model must not be empty: give a name such as relace-embed-v1")
    request = EmbedRequest(_argument(model), inputs, output_dtype)
    embedded = Embedder(Settings(**settings)).embed(request)
    answer = b"".join(results(embedded))
    if file_format == "npy":
        import numpy as np
        import orjson

        if sys.stdout.isatty():
            raise click.UsageError(
                "--format npy writes bytes, but standard output is a terminal: add > vectors.npy"
            )
        rows = [result["embedding"] for result in orjson.loads(answer)["results"]]
        dtype = "float64" if output_dtype == "float" else settings["binary_dtype"]
        file = io.BytesIO()  # NumPy cannot write to a pipe
        np.save(file, np.array(rows, dtype))
        write(file.getvalue())
    else:
        write(answer + b"\n")


def _argument(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeError):  # the locale is not UTF-8, but the bytes may be
            return os.fsencode(text).decode()
        raise click.UsageError(
            "an argument is not UTF-8: save the text in a UTF-8 file and use --file"
        ) from None
    return text


def _contents(path: Path) -> str:
    from relace_mock import reading

    try:
        return reading.text(path, Settings().max_body)
    except reading.UnreadableError as error:
        raise click.UsageError(f"cannot read {path}: {error}") from None


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"{name} is not UTF-8 at byte {error.start}: convert it to UTF-8"
        ) from None
