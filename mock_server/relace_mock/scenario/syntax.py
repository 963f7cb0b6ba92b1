"""Explain YAML syntax errors in words that say what to do."""

from __future__ import annotations

import re

_INDENTED = (
    "this line is not indented as those above it, or a quote or bracket above is not closed: give "
    "the keys of a mapping, and the dashes of a list, the same indentation"
)
#: Error messages of libyaml and of PyYAML, as patterns, and what they mean. The first match counts.
_MEANINGS = [
    (r"maximum nesting depth", "is nested more than 50 levels deep"),
    (r"mapping values are not allowed", 'there is a second ": " on this line: put the value in quotes, or begin a new line'),
    (r"block sequence entries are not allowed", "a list cannot begin here: write its first `- ` on a line of its own"),
    (r"undefined alias", "undefined alias: define it above with &, or put the value in quotes if it begins with *"),
    (r"another document|expected.*<?document start>?", "but found another document, after --- or ..., or text after the end: one file is one scenario"),
    (r"expected ',' or '\]'", "a list that began with [ goes on wrongly here: a comma or a ] is missing"),
    (r"expected ',' or '\}'", "a mapping that began with { goes on wrongly here: a comma or a } is missing"),
    (r"expected the node content", "a value is missing here"),
    (r"unexpected end of stream|end of stream.*quoted", "a quote is not closed"),
    (r"could not find expected ':'", "a `:` is missing after the key, or a blank after the `:`"),
    (r"unknown escape character", "unknown escape in double quotes: write \\\\ for a backslash, or use single quotes"),
    (r"escape sequence|expected escape", "incomplete escape in double quotes: write \\\\ for a backslash, or use single quotes"),
    (r"duplicate anchor", "the anchor is defined twice: rename one"),
    (r"did not find expected key|'-' indicator|expected <block end>", _INDENTED),
    (r"cannot start any token", "a value cannot begin with this character: put it in quotes"),
    (r"undefined tag handle|tag", "tags have no meaning here: remove what begins with !, or put it in quotes"),
    (r"anchor|alias", "an & begins an anchor and a * an alias: put the value in quotes"),
    (r"directive|%YAML|version", "a line cannot begin with %: put the value in quotes"),
    (r"control characters|special characters|not allowed", "it has a control character: remove it"),
]  # fmt: skip


def meaning(problem: str, line: str, column: int) -> str:
    """Explain a parser's ``problem``, which it found in this line at this column, from 1."""
    if "\t" in line[:column]:
        return "a tab stands where YAML wants blanks: it is indented with blanks, not with tabs"
    for found, words in _MEANINGS:
        if re.search(found, problem):
            return words
    return problem
