"""Exports recorded vectors to NumPy."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from relace_mock.recording.contents import Holding, items
from relace_mock.recording.file import Recording


def export(recording: Recording, holding: Holding, output: Path) -> int:
    """Write the vectors of one model as an ``.npz`` file, and return their number.

    It has the arrays ``vectors`` (a row for each text), ``sha256`` (of the texts, in hexadecimal),
    ``tokens`` (-1 where they are not known) and ``times`` (seconds since 1970); ``texts`` and
    ``text_ends`` hold the kept texts as UTF-8, one after the other; ``model`` and ``output_dtype``.
    Raises ``RecordingError`` and ``OSError``.
    """
    space = holding.space
    found = items(recording, space)
    rows = [item.vector.values for item in found]
    texts = [(item.text or "").encode() for item in found]
    arrays: dict[str, Any] = {
        "vectors": np.stack(rows),
        "sha256": np.array([item.hash.hex() for item in found]),
        "tokens": np.array([-1 if item.tokens is None else item.tokens for item in found]),
        "times": np.array([item.time for item in found]),
        "texts": np.frombuffer(b"".join(texts), np.uint8),
        "text_ends": np.array(list(itertools.accumulate(map(len, texts)))),
        "model": np.array(space.model),
        "output_dtype": np.array(space.output_dtype),
    }
    with output.open("wb") as file:
        np.savez(file, **arrays)
    return len(found)
