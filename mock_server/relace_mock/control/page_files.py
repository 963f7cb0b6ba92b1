"""The files of the page at ``/_mock/``, which are the same for everyone and hold no data."""

from __future__ import annotations

import functools
from pathlib import Path

from relace_mock.messages import Reply
from relace_mock.rendering import MARK

FOLDER = Path(__file__).parent / "page"
_INDEX = "index.html"
_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
# Nothing but the files of this folder may run or be loaded, so text of a client cannot do harm.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)
_FIELDS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
    MARK,
)


def file_for(name: str) -> str | None:
    """The file of a path below ``/_mock/``; None if the page has none."""
    file = _INDEX if name == "" else name.removeprefix("page/")
    return file if file in _files() and (name == "" or name.startswith("page/")) else None


def reply_with(file: str) -> Reply:
    """The reply with a file of the page."""
    path = FOLDER / file
    return Reply(200, ((b"content-type", _TYPES[path.suffix]), *_FIELDS), (_content(file),))


@functools.cache
def _files() -> frozenset[str]:
    return frozenset(path.name for path in FOLDER.iterdir() if path.suffix in _TYPES)


@functools.cache
def _content(file: str) -> bytes:
    return (FOLDER / file).read_bytes()
