"""Paths of the control API, and the answers to paths that are almost right."""

from __future__ import annotations

from collections.abc import Iterable

from relace_mock.control.parameters import BadRequestError

PREFIX = "/_mock/"
# Relative, so that it also leads to the page behind a proxy that puts something before the path.
_PAGE = PREFIX.removeprefix("/").encode()
_COMPARED = 80  # characters of a path


def is_control(path: str) -> bool:
    """Whether a path belongs to the control API, and not into the journal."""
    return f"{path}/".startswith(PREFIX)


def name_in(path: str) -> str:
    """The name after ``/_mock/``, empty for the page. Raises ``BadRequestError`` for ``/_mock``."""
    if not path.startswith(PREFIX):
        raise BadRequestError(f"the page is at {PREFIX}", 308, ((b"location", _PAGE),))
    return path.removeprefix(PREFIX)


def unknown(name: str, known: Iterable[str]) -> BadRequestError:
    """The refusal of a name that the control API does not have, with the nearest one it has."""
    names = list(known)
    import difflib  # noqa: PLC0415 - for messages only

    near = difflib.get_close_matches(name.strip("/").lower()[:_COMPARED], names, 1, 0.7)
    hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
    listed = ", ".join(PREFIX + name for name in names)
    return BadRequestError(f"the control API has no such path: use one of {listed}{hint}", 404)
