"""``relace-mock search``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relace_mock.cli.arguments import as_text
from relace_mock.cli.options import Command, option, vector_options
from relace_mock.cli.writing import write
from relace_mock.colour import is_wanted, painted
from relace_mock.counts import counted
from relace_mock.excerpts import shortened
from relace_mock.settings import Settings

if TYPE_CHECKING:
    from relace_mock.offline.search import Hit

_EXAMPLES = """
\b
Examples:
  relace-mock search "parse a cookie header" src
      print the three functions below src that fit best, with score and place
  relace-mock search "retry with backoff" 'lib/**/*.ts' --limit 10
      print ten functions of the files that a pattern matches
  relace-mock search "read a file" . --json | jq -r .path
      print JSON for another program
"""


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("query")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
@option(
    "--limit",
    section="Output",
    type=click.IntRange(min=1),
    default=3,
    help="Number of functions to print.",
)
@option(
    "--json",
    "as_json",
    section="Output",
    is_flag=True,
    default=False,
    help="Print one JSON object per line: score, path, line, name, text.",
)
@option(
    "--model",
    section="Vectors",
    default="relace-embed-v1",
    help="Model name. Each model gives different vectors.",
)
@vector_options
def search(
    query: str,
    paths: tuple[Path, ...],
    limit: int,
    as_json: bool,
    model: str,
    **settings: Any,
) -> None:
    """Print the functions that fit a QUERY best, with score and place.

    PATH is a file, a folder, or a quoted pattern such as 'src/**/*.py'. The score is the cosine of
    the vectors of query and function: 1 at most, around 0 if they have nothing in common.

    The exit code is 1 if a file cannot be read. The other files are still searched.
    """
    from relace_mock.cli.progress import Progress
    from relace_mock.cli.sources import Report, leave_numpy_one_thread, pieces_of

    leave_numpy_one_thread()
    from relace_mock.offline.search import search as find
    from relace_mock.offline.search import searched

    if not query.strip():
        raise click.UsageError('the query is empty: write what to find, such as "parse a header"')
    if not model:
        raise click.UsageError("--model must not be empty: give a name such as relace-embed-v1")
    checked = Settings(**settings)
    wanted, named = as_text(query), as_text(model)
    report = Report()
    with Progress() as progress:
        pieces = searched(pieces_of(paths, report, progress))
        if not pieces:
            progress.clear()
            report.print()
            raise click.UsageError("there is no text in these files: nothing to search")
        hits = find(
            wanted,
            pieces,
            named,
            checked,
            limit,
            lambda done: progress.say(f"searched {done:,} of {counted(len(pieces), 'piece')}"),
        )
    report.print()
    lines = _as_json(hits) if as_json else _as_text(hits, colour=is_wanted(sys.stdout))
    write("".join(f"{line}\n" for line in lines).encode())
    if report.failed:
        sys.exit(1)


def _as_json(hits: Sequence[Hit]) -> Iterator[str]:
    for score, piece in hits:
        record = {"score": round(score, 4)} | piece._asdict()
        yield json.dumps(record)


def _as_text(hits: Sequence[Hit], *, colour: bool) -> Iterator[str]:
    places = [f"{piece.path}:{piece.line}" for _, piece in hits]
    width = max(map(len, places), default=0)
    for (score, piece), place in zip(hits, places, strict=True):
        told = piece.name or shortened(piece.text.partition("\n")[0].strip())
        yield "  ".join(
            (
                painted(f"{score:.3f}", "green", on=colour),
                painted(f"{place:{width}}", "cyan", on=colour),
                painted(
                    "".join(c if c.isprintable() else "\ufffd" for c in told), "bold", on=colour
                ),
            )
        )
