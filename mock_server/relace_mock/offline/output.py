"""Writes vectors in the formats of ``relace-mock embed``, batch by batch: a tree has many."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import orjson

from relace_mock.messages import EmbedRequest, OutputDtype
from relace_mock.offline.pieces import Piece
from relace_mock.offline.vectors import vectors
from relace_mock.settings import Settings
from relace_mock.vectors.rows import Embedder

Format = Literal["json", "jsonl", "npy", "npz"]

_BATCH = 128  # texts: their vectors fit the processor's cache


class Job(NamedTuple):
    """What to embed, and how. ``progress`` is called with the number of texts that are done."""

    pieces: Sequence[Piece]
    model: str
    output_dtype: OutputDtype
    settings: Settings
    progress: Callable[[int], None] = lambda _: None


def write(job: Job, file_format: Format, file: IO[bytes]) -> None:
    """Write the vectors of a job to a file, which need not be seekable. Raises ``OSError``."""
    _FORMATS[file_format](job, file)


def _json(job: Job, file: IO[bytes]) -> None:
    """Write the endpoint's response, as ``rendering`` does."""
    tokens = at = 0
    file.write(b'{"results":[')
    for _, rows, count in _rows(job):
        for row in rows:
            file.write(b'%b{"index":%d,"embedding":' % (b"," if at else b"", at))
            file.write(row)
            file.write(b"]}")
            at += 1
        tokens += count
    file.write(b'],"usage":{"total_tokens":%d}}\n' % tokens)


def _jsonl(job: Job, file: IO[bytes]) -> None:
    """Write a JSON object a line: the place, the text and its vector."""
    for batch, rows, _ in _rows(job):
        for piece, row in zip(batch, rows, strict=True):
            place = {
                "path": piece.path or None,
                "line": piece.line or None,
                "start": piece.start or None,
                "end": piece.end or None,
                "kind": piece.kind,
                "name": piece.name or None,
                "text": piece.text,
            }
            file.write(orjson.dumps(place)[:-1] + b',"embedding":')
            file.write(row)
            file.write(b"]}\n")


def _npy(job: Job, file: IO[bytes]) -> None:
    """Write a NumPy array with a row for each text."""
    _array_header(job, file)
    for batch in _arrays(job):
        file.write(batch)


def _npz(job: Job, file: IO[bytes]) -> None:
    """Write NumPy arrays: the vectors, and the place of each text."""
    pieces = job.pieces
    columns = {
        "paths": [piece.path for piece in pieces],
        "names": [piece.name for piece in pieces],
        "kinds": [piece.kind for piece in pieces],
        "lines": [piece.line for piece in pieces],
        "starts": [piece.start for piece in pieces],
        "ends": [piece.end for piece in pieces],
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, column in columns.items():
            kind = np.int64 if name in ("lines", "starts", "ends") else np.str_
            member = io.BytesIO()
            np.save(member, np.array(column, kind), allow_pickle=False)
            archive.writestr(f"{name}.npy", member.getvalue())
        with archive.open("vectors.npy", "w", force_zip64=True) as entry:
            _npy(job, entry)


def _array_header(job: Job, file: IO[bytes]) -> None:
    empty = vectors([], job.model, job.output_dtype, job.settings)
    header = np.lib.format.header_data_from_array_1_0(empty)
    header["shape"] = (len(job.pieces), empty.shape[1])
    np.lib.format.write_array_header_1_0(file, header)


def _arrays(job: Job) -> Iterator[bytes]:
    for batch in _batches(job):
        texts = [piece.text.encode() for piece in batch]
        yield vectors(texts, job.model, job.output_dtype, job.settings).tobytes()


def _rows(job: Job) -> Iterator[tuple[Sequence[Piece], Sequence[Any], int]]:
    """Yield each batch with its vectors as JSON without the closing brackets, and its tokens."""
    embedder = Embedder(job.settings)
    for batch in _batches(job):
        request = EmbedRequest(job.model, [piece.text for piece in batch], job.output_dtype)
        embedded = embedder.embed(request)
        yield batch, embedded.rows, embedded.total_tokens


def _batches(job: Job) -> Iterator[Sequence[Piece]]:
    for first in range(0, len(job.pieces), _BATCH):
        job.progress(first)
        yield job.pieces[first : first + _BATCH]
    job.progress(len(job.pieces))


_FORMATS: dict[Format, Callable[[Job, IO[bytes]], None]] = {
    "json": _json,
    "jsonl": _jsonl,
    "npy": _npy,
    "npz": _npz,
}
