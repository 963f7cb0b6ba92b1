"""The journal as one HTML file that needs no server: ``GET /_mock/trace`` and ``--trace``.

The file holds the entries as JSON, and the page's own modules to show them. A module of the page is
a file with ``import {a, b} from "./x.js"`` and ``export`` before functions, classes and constants.
Here each becomes a function that returns its exports, in one script. The policy of the file allows
this script and this style only, by their hashes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import orjson

from relace_mock.control.page_files import FOLDER
from relace_mock.messages import Reply
from relace_mock.rendering import MARK
from relace_mock.version import __version__

_START = "trace.js"
_TITLE = "relace-mock trace"
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([a-z_]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
_FIELDS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-disposition", b'attachment; filename="relace-mock-trace.html"'),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    MARK,
)


def reply(entries: Iterable[bytes], dropped: int) -> Reply:
    """The reply with a trace. ``entries`` are as JSON, oldest first."""
    return Reply(200, _FIELDS, (document(entries, dropped),))


def document(entries: Iterable[bytes], dropped: int) -> bytes:
    """One HTML file with the entries, which are as JSON, oldest first."""
    about = {
        "version": __version__,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "dropped": dropped,
        "title": _TITLE,
    }
    before, after = _frame()
    # Only `<` could end a script element too early, so it is escaped.
    data = b"[\n%b\n]" % b",\n".join(entries)
    return b"".join(
        (
            before,
            b'<script type="application/json" id="about">',
            orjson.dumps(about).replace(b"<", b"\\u003c"),
            b'</script>\n<script type="application/json" id="entries">',
            data.replace(b"<", b"\\u003c"),
            b"</script>\n",
            after,
        )
    )


def titled(trace: bytes, title: str) -> bytes:
    """A trace with a title of its own, such as the name of a test."""
    title = title.encode("utf-8", "replace").decode()
    shown = html.escape(title).encode()
    told = orjson.dumps({"title": title})[1:-1].replace(b"<", b"\\u003c")
    usual = orjson.dumps({"title": _TITLE})[1:-1]
    head = f"<title>{_TITLE}</title>".encode()
    return trace.replace(head, b"<title>%b</title>" % shown, 1).replace(usual, told, 1)


def _frame() -> tuple[bytes, bytes]:
    style, script = (FOLDER / "style.css").read_text(encoding="utf-8"), bundle(_START)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    before = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{_TITLE}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )
    return before.encode(), f"<script>{script}</script>\n</body>\n</html>\n".encode()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.cache
def bundle(start: str) -> str:
    """One script with a module of the page and all that it imports."""
    parts = ['"use strict";\nconst modules = {};\n']
    for name in _in_order(start, []):
        text = (FOLDER / name).read_text(encoding="utf-8")
        names = ", ".join(_EXPORT.findall(text))
        text = _IMPORT.sub(r'const {\1} = modules["\2"];', _EXPORT.sub("", text))
        parts.append(f'modules["{name}"] = (() => {{\n{text}\nreturn {{{names}}};\n}})();\n')
    return "".join(parts).replace("</script", "<\\/script")


def _in_order(name: str, done: list[str]) -> Iterator[str]:
    """Yield the modules that a module needs, and then the module itself, each once."""
    if name in done:
        return
    done.append(name)
    for _, other in _IMPORT.findall((FOLDER / name).read_text(encoding="utf-8")):
        yield from _in_order(other, done)
    yield name
