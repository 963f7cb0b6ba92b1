"""Run ``relace-mock`` inside the process of the test, where the kit's libraries are loaded.

A new process takes a second to load them. Only tests of a process itself need one: of its streams,
its signals, its imports and the files that it leaves.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from relace_mock.cli import main


def command(
    *words: str, environment: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command line with just these environment variables, in the folder ``cwd``."""
    output, errors = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)
    )
    code: object = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(sys, "argv", ["relace-mock", *words])
        for name in set(os.environ) - set(environment):
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    return subprocess.CompletedProcess(words, code, _read(output), _read(errors))  # type: ignore[arg-type]


def _read(stream: io.TextIOWrapper) -> str:
    """The written text, with line ends normalised like ``subprocess`` does with ``text=True``."""
    stream.seek(0)
    return stream.read()
