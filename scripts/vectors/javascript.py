"""Documented functions of JavaScript and TypeScript sources, found without a parser.

A function counts if a ``/** … */`` comment stands directly before it. Its end is found by
matching braces, with strings, comments and regular expressions skipped. What this misses
is left out; nothing is made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 20_000  # characters of a function
_NAME = r"[\w$#.\[\]'\"]+"
_MODIFIERS = r"(?:(?:export|default|public|private|protected|static|override|async|readonly)\s+)*"
# After a comment: a function, a method or a function that is assigned to a name. The match
# ends before the brace of the body.
_HEAD = re.compile(
    rf"""\s*(?:@\w+(?:\([^()]*\))?\s*)*{_MODIFIERS}(?:
        function\b\s*\*?\s*[\w$]*\s*(?:<[^(]*>)?\(
      | (?:(?:const|let|var)\s+)?{_NAME}\s*(?::[^=;{{}}]*)?[=:]\s*(?:async\s+)?(?:function\b[^(]*)?(?:<[^(]*>)?\(
      | (?:get\s+|set\s+|\*\s*)?{_NAME}\s*\??(?:<[^(]*>)?\(
    )""",
    re.VERBOSE,
)
_KEYWORDS = re.compile(r"\s*(?:if|for|while|switch|catch|return|class|import|new)\b")
_COMMENT = re.compile(r"/\*\*(?!/)(.*?)\*/", re.DOTALL)
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
    r"""|(?<=[(,=:\[!&|?{};+\n])[ ]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/"""
    r"""|[(){}\[\];]""",
    re.DOTALL,
)


class Function(NamedTuple):
    documentation: str
    code: str


def functions(source: str) -> Iterator[Function]:
    """Each function that has a comment of its own, with that comment's text."""
    for comment in _COMMENT.finditer(source):
        head = _HEAD.match(source, comment.end(), comment.end() + 1000)
        if not head or _KEYWORDS.match(source, comment.end()):
            continue
        end = _end_of_body(source, head.end() - 1)
        if end:
            start = comment.end() + len(head.group()) - len(head.group().lstrip())
            yield Function(_text(comment.group(1)), source[start:end])


def _end_of_body(source: str, parameters: int) -> int | None:
    """Where the function ends whose parameters open at a position; None if it has no body."""
    depth = 0
    seen_body = False
    for token in _TOKEN.finditer(source, parameters, parameters + LONGEST):
        mark = token.group()
        if mark in "([{":
            if mark == "{" and depth == 0:
                seen_body = True
            depth += 1
        elif mark in ")]}":
            depth -= 1
            if depth < 0 or (depth == 0 and seen_body):
                return token.end() if depth == 0 else None
        elif mark == ";" and depth == 0:
            return None  # a declaration, or an arrow function of one expression
    return None


def _text(comment: str) -> str:
    """The prose of a comment: up to its first tag, without stars and inline tags."""
    lines = [re.sub(r"^\s*\*? ?", "", line).rstrip() for line in comment.splitlines()]
    prose = "\n".join(lines)
    prose = re.sub(r"^@(?:description|desc|summary|classdesc)\s+", "", prose.strip())
    prose = re.split(r"^\s*@\w", prose, maxsplit=1, flags=re.MULTILINE)[0]
    prose = re.sub(r"\{@\w+\s+([^}|]*?)(?:\|[^}]*)?\}", r"\1", prose)
    return re.sub(r"<[^<>\n]{1,80}>", "", prose).strip()
