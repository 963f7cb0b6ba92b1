"""Finds the files that paths stand for: files, folders and patterns such as ``src/**/*.py``."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

# Folders of installed packages and of compiled files. Hidden ones are left out too.
_LEFT_OUT = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})
_MARK = "pyvenv.cfg"  # a folder with such a file is a virtual environment


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
    hidden files and folders and those of installed packages are left out, and a file is taken once,
    or never if it is the file ``besides``. Links to folders are not followed. A pattern that
    matches a folder stands for what is in it.
    """
    seen = {_identity(besides)} if besides is not None else set()
    for path in paths:
        if _is_folder(path):
            yield from _new(_below(path), seen)
        elif os.path.lexists(path):
            yield Found(path, named=True)
        elif glob.has_magic(str(path)):
            yield from _new(_matching(path), seen)
        else:
            yield Problem(path, os.strerror(errno.ENOENT), failed=True, named=True)


def _new(
    each: Iterable[Found | Problem], seen: set[tuple[int, int] | None]
) -> Iterator[Found | Problem]:
    """Yield what was not yet found by another path or link."""
    for one in each:
        identity = _identity(one.path)
        if identity is None or identity not in seen:  # None: reading the file will tell why
            seen.add(identity)
            yield one


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and number of a file, however it is named; None if it cannot be reached."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _matching(pattern: Path) -> Iterator[Found | Problem]:
    """Yield the files that match.

    ``glob`` would follow links to folders, and never end where these form circles.
    """
    magic = next(at for at, part in enumerate(pattern.parts) if glob.has_magic(part))
    folder, parts = Path(*pattern.parts[:magic]), pattern.parts[magic:]
    any_found = False
    for each in _below(folder, lambda below: _leads(below, parts)) if _is_folder(folder) else ():
        below = each.path.relative_to(folder).parts
        if any(_matches(below[: at + 1], parts) for at in range(len(below))):
            any_found = True
            yield each
    if not any_found:
        yield Problem(pattern, "no file matches this pattern", failed=True, named=True)


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path matches a pattern, of which ``**`` stands for any number of folders."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_matches(path[at:], pattern[1:]) for at in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def _leads(folder: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether something in a folder may match."""
    for part, wanted in zip(folder, pattern, strict=False):
        if wanted == "**":
            return True
        if not fnmatchcase(part, wanted):
            return False
    return True


def _below(
    top: Path, wanted: Callable[[tuple[str, ...]], bool] = lambda _: True
) -> Iterator[Found | Problem]:
    """Yield the files of a folder and of the wanted folders in it, however deep they are."""
    waiting = [top]
    while waiting:
        path = waiting.pop()
        if path is not top:
            if not _is_folder(path):
                yield Found(path, named=False)
                continue
            if path.is_symlink():
                yield Problem(path, "it is a link to a folder", failed=False)
                continue
            if not wanted(path.relative_to(top).parts):
                continue
        try:
            inside = sorted(path.iterdir())
        except OSError as error:
            yield Problem(path, error.strerror or str(error), failed=True)
            continue
        if not any(each.name == _MARK for each in inside):
            waiting += [each for each in reversed(inside) if not _is_left_out(each.name)]


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name in _LEFT_OUT


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - unlike Path.is_dir, it never raises
