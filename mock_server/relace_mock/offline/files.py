"""Finds the files that paths stand for: files, folders and patterns such as ``src/**/*.py``."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# Folders without source text of the user's own. Hidden ones are left out too.
_LEFT_OUT = frozenset({"node_modules", "__pycache__"})
_MARKS = ("pyvenv.cfg",)  # a folder with such a file is a virtual environment


class Found(NamedTuple):
    """A file to read. ``named`` says that the user named this very file."""

    path: Path
    named: bool


class Problem(NamedTuple):
    """A path that gives no text, and why.

    ``failed`` tells an error from a file that is left out. ``named`` is as in ``Found``.
    """

    path: Path
    why: str
    failed: bool
    named: bool = False


def found(paths: Iterable[Path], besides: Path | None = None) -> Iterator[Found | Problem]:
    """Yield the files of paths, in order, those of a folder in alphabetical order.

    A path that exists is taken as it is, even if it looks like a pattern. In folders and patterns,
    hidden files and folders, ``node_modules``, ``__pycache__`` and virtual environments are left
    out, and a file is taken once, or never if it is the file ``besides``. Links to folders are not
    followed.
    """
    seen: set[tuple[int, int]] = set()
    if besides is not None and besides.exists():
        seen.add(_identity(besides))
    for path in paths:
        if path.is_dir():
            yield from _new(_below(path), seen)
        elif os.path.lexists(path):
            yield Found(path, named=True)
        elif glob.has_magic(str(path)):
            yield from _new(_matching(path), seen)
        else:
            yield Problem(path, os.strerror(errno.ENOENT), failed=True, named=True)


def _new(each: Iterable[Found | Problem], seen: set[tuple[int, int]]) -> Iterator[Found | Problem]:
    """Yield what was not yet found by another path or link."""
    for one in each:
        try:
            identity = _identity(one.path)
        except OSError:
            yield one  # reading it will tell why
            continue
        if identity not in seen:
            seen.add(identity)
            yield one


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _matching(pattern: Path) -> Iterator[Found | Problem]:
    matches = sorted(glob.glob(str(pattern), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        yield Problem(pattern, "no file matches this pattern", failed=True)
    for match in matches:
        path = Path(match)
        parts = path.relative_to(_fixed_part(pattern)).parts if "**" in pattern.parts else ()
        if path.is_dir():
            if "**" not in pattern.parts:  # which matches what is in the folder too
                yield from _below(path)
        elif not any(map(_is_left_out, parts[:-1])):
            yield Found(path, named=False)


def _fixed_part(pattern: Path) -> Path:
    """The folder above the first part of a pattern that has a wildcard."""
    fixed = []
    for part in pattern.parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _below(folder: Path) -> Iterator[Found | Problem]:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Problem(folder, error.strerror or str(error), failed=True)
        return
    if any(entry.name in _MARKS for entry in inside):
        return
    for entry in inside:
        path = Path(entry.path)
        if _is_left_out(entry.name):
            continue
        if not entry.is_dir():
            yield Found(path, named=False)
        elif entry.is_symlink():
            yield Problem(path, "it is a link to a folder", failed=False)
        else:
            yield from _below(path)


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name in _LEFT_OUT
