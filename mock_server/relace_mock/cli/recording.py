"""``relace-mock recording``."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from relace_mock.cli.groups import Commands
from relace_mock.cli.options import Choice, Command, option
from relace_mock.cli.streams import complain
from relace_mock.counts import counted
from relace_mock.messages import OutputDtype
from relace_mock.settings import Settings

if TYPE_CHECKING:
    from relace_mock.recording.contents import Holding
    from relace_mock.recording.file import Recording

_EXAMPLES = """
\b
Examples:
  relace-mock recording show vectors.relace
      show which vectors a recording holds, from when and from where
  relace-mock recording show vectors.relace --check --upstream https://embeddings.endpoint.relace.run
      ask for some of the recorded texts again, and report vectors that have changed
  relace-mock recording merge a.relace b.relace --output all.relace
      merge two recordings into a new one
  relace-mock recording export vectors.relace --output vectors.npz
      write the vectors as NumPy arrays
"""
_files = click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)


@click.group(cls=Commands, epilog=_EXAMPLES)
def recording() -> None:
    """Show, merge and export recordings of real vectors.

    `relace-mock serve --upstream URL --record FILE` makes a recording, and `relace-mock serve
    --replay FILE` answers with it.
    """


@recording.command(cls=Command)
@_files
@option("--json", "as_json", is_flag=True, default=False, help="Print JSON, for other tools.")
@option(
    "--check",
    section="Check",
    is_flag=True,
    default=False,
    help="Ask the upstream again for some texts, and report vectors that have changed. Only texts that were recorded with --keep-text can be asked for.",
)
@option(
    "--upstream",
    section="Check",
    metavar="URL",
    help="Real endpoint to ask, with or without /v1.",
)
@option("--upstream-key", section="Check", metavar="KEY", help="API key for the upstream.")
@option(
    "--sample",
    section="Check",
    type=click.IntRange(1, 1000),
    default=10,
    help="Number of texts of each model to ask for.",
)
def show(
    files: tuple[Path, ...],
    as_json: bool,
    check: bool,
    upstream: str | None,
    upstream_key: str | None,
    sample: int,
) -> None:
    """Show what recordings hold: models, vectors, tokens, times and hosts.

    With --check, the exit code is 1 if vectors have changed.
    """
    from relace_mock.recording.contents import holdings, texts_kept

    if check and upstream is None:
        raise click.UsageError("--check needs an endpoint to ask: add --upstream URL")
    told = []
    for file in files:
        with _opened(file) as opened:
            found, kept = holdings(opened), texts_kept(opened)
        told.append({"file": str(file), "bytes": file.stat().st_size, "texts_kept": kept})
        told[-1]["models"] = [_shown(holding) for holding in found]
        if not as_json:
            print(*_lines(file, found, kept), sep="\n")
    if as_json:
        print(json.dumps(told, indent=2))
    if check and upstream is not None:
        _check(files, upstream, upstream_key, sample)


@recording.command(cls=Command)
@_files
@option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Name of the new recording.",
)
def merge(files: tuple[Path, ...], output: Path) -> None:
    """Merge recordings into a new one.

    Where two of them have different vectors for the same text, the first one wins. Each of these
    conflicts is named, and the exit code is 1.
    """
    from relace_mock.recording.contents import holdings
    from relace_mock.recording.merging import merge as merged

    if len(files) < 2:
        raise click.UsageError("merge needs two recordings or more")
    with _told():
        conflicts = merged(files, output)
    with _opened(output) as opened:
        texts = sum(holding.texts for holding in holdings(opened))
    print(f"{output}: {counted(texts, 'vector')} from {counted(len(files), 'recording')}")
    for conflict in conflicts:
        complain(f"conflict: {conflict}")
    if conflicts:
        sys.stdout.flush()
        sys.exit(1)


@recording.command(cls=Command)
@_files
@option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Name of the NumPy file. By default the name of the recording with .npz.",
)
@option("--model", metavar="NAME", help="Model to export, if the recording has more than one.")
@option(
    "--output-dtype",
    type=Choice(get_args(OutputDtype)),
    help="Data type to export, if the recording has both.",
)
def export(
    files: tuple[Path, ...], output: Path | None, model: str | None, output_dtype: str | None
) -> None:
    """Write the vectors of one model as NumPy arrays, in an .npz file."""
    from relace_mock.recording.contents import holdings
    from relace_mock.recording.exporting import export as exported

    if output is not None and len(files) > 1:
        raise click.UsageError("--output names one file: export one recording at a time")
    for file in files:
        with _opened(file) as opened:
            holding = _chosen(file, holdings(opened), model, output_dtype)
            target = output or file.with_suffix(".npz")
            count = exported(opened, holding, target)
        print(f"{target}: {counted(count, 'vector')} of {_name(holding)}")
        if holding.literal:
            complain(
                f"{file}: {counted(holding.literal, 'vector has', 'vectors have')} more digits than "
                "a double can hold: rounded"
            )


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Report what is wrong with a recording as one line."""
    from relace_mock.recording.file import RecordingError

    try:
        yield
    except RecordingError as error:
        raise click.ClickException(str(error)) from None


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Recording]:
    from relace_mock.recording.file import Recording

    with _told(), contextlib.closing(Recording(file, "recording")) as opened:
        yield opened


def _check(files: tuple[Path, ...], url: str, key: str | None, sample: int) -> None:
    """Compare a sample of each recording with what the upstream answers today."""
    from relace_mock.recording.checking import compare
    from relace_mock.recording.contents import holdings
    from relace_mock.recording.upstream import Upstream, UpstreamError

    Settings(upstream=url, upstream_key=key)  # refuses a bad address, or a bad key
    upstream = Upstream(url, key)
    drifted = compared = False
    with contextlib.closing(upstream):
        for file in files:
            with _opened(file) as opened:
                for holding in holdings(opened):
                    try:
                        found = compare(opened, holding, upstream, sample)
                    except UpstreamError as error:
                        raise click.ClickException(f"{upstream.host}: {error}") from None
                    if found is not None:
                        print(f"{file}: {_name(holding)}: {found.message}", file=sys.stderr)
                        drifted, compared = drifted or found.drifted, True
    if not compared:
        raise click.ClickException(
            "nothing can be checked, as only hashes of the texts were recorded: record with "
            "--keep-text"
        )
    if drifted:
        sys.stdout.flush()
        sys.exit(1)


def _chosen(
    file: Path, found: list[Holding], model: str | None, output_dtype: str | None
) -> Holding:
    """The holding to export. Raises ``click.ClickException`` unless there is just one."""
    fitting = [
        holding
        for holding in found
        if model in (None, holding.space.model)
        and output_dtype in (None, holding.space.output_dtype)
    ]
    if len(fitting) == 1:
        return fitting[0]
    held = ", ".join(map(_name, found)) or "nothing"
    if not fitting:
        raise click.ClickException(
            f"{file} has no vectors of this model and data type: it holds {held}"
        )
    raise click.ClickException(f"{file} holds {held}: add --model NAME or --output-dtype")


def _name(holding: Holding) -> str:
    return f"{holding.space.model} as {holding.space.output_dtype}"


def _lines(file: Path, found: list[Holding], kept: int) -> Iterator[str]:
    """What a recording holds, in words."""
    size = file.stat().st_size / 1_000_000
    texts = sum(holding.texts for holding in found)
    yield f"{file}: {counted(texts, 'vector')}, {size:.1f} MB"
    for holding in found:
        hosts = ", ".join(holding.hosts)
        yield (
            f"  {_name(holding)}: {counted(holding.texts, 'text')}, "
            f"{holding.space.dimensions} dimensions, from {hosts}"
        )
        yield f"    recorded from {_time(holding.first)} to {_time(holding.last)}"
        silent = holding.texts - holding.counted - holding.shared
        counts = [
            (holding.counted, "for the text alone"),
            (holding.shared, "as a share of the count of a batch"),
            (silent, "missing"),
        ]
        yield "    token counts: " + ", ".join(f"{n} {how}" for n, how in counts if n)
        if holding.literal:
            vectors = counted(holding.literal, "vector is", "vectors are")
            yield f"    {vectors} kept as text, because a double has too few digits"
    yield f"  texts: {f'{kept} kept' if kept else 'only their hashes'}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds")


def _shown(holding: Holding) -> dict[str, Any]:
    """The holding as JSON."""
    silent = holding.texts - holding.counted - holding.shared
    return {
        "model": holding.space.model,
        "output_dtype": holding.space.output_dtype,
        "dimensions": holding.space.dimensions,
        "texts": holding.texts,
        "tokens": {"alone": holding.counted, "shared": holding.shared, "not_told": silent},
        "kept_as_text": holding.literal,
        "first": datetime.fromtimestamp(holding.first, UTC).isoformat(),
        "last": datetime.fromtimestamp(holding.last, UTC).isoformat(),
        "hosts": holding.hosts,
    }
