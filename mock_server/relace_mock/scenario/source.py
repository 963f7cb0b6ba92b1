"""Text to values that know where they stand: what a scenario file says, before its meaning.

YAML, and JSON as the part of YAML that it is. What YAML would guess or overlook is refused:
a key given twice, a key that is no string, a tag, an alias that multiplies.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import orjson
import yaml

from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.syntax import meaning

#: Bytes of a scenario. It is a story, not a store.
SIZE_LIMIT = 1_000_000
#: Values in a scenario, each alias counted as often as it is used.
VALUE_LIMIT = 20_000
DEPTH_LIMIT = 50
_TOO_MANY = f"there are more than {VALUE_LIMIT} values, aliases included"
_TOO_DEEP = f"is nested more than {DEPTH_LIMIT} levels deep"

# The fast one needs libyaml; both are safe.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = yaml.constructor.SafeConstructor()
_TAGS = "tag:yaml.org,2002:"
_MEANINGFUL = {
    yaml.MappingNode: ("map",),
    yaml.SequenceNode: ("seq",),
    yaml.ScalarNode: ("str", "int", "float", "bool", "null", "timestamp", "binary"),
}
# As everyone reads it: YAML also has 0755, which is 493, 1:30, which is 90, and 1_000.
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*|\d*\.\d*([eE][-+]?\d+)?|\.inf|\.nan)", re.IGNORECASE)
_TAB_OR_STRING = re.compile(r'\t|"(?:[^"\\]|\\.)*"')
_ESCAPE = re.compile(r"\\(u[dD][89abAB]..\\u....)|\\.")
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?[eE][-+]?\d+")


@dataclass(frozen=True, slots=True)
class Node:
    """A value, its path from the top (``rules[0].steps[1].status``) and its place in the text.

    ``value`` is a scalar, a list of nodes, or a dictionary of nodes; ``written`` is a scalar's
    own text; ``keys`` are the places of the keys of a dictionary, each a node without a value.
    ``broken`` says why a value could not be read, which is then None, or a key of a dictionary,
    which then is not there.
    """

    value: Any
    file: str
    path: str
    line: int
    column: int
    written: str = ""
    keys: dict[str, Node] = field(default_factory=dict)
    broken: ScenarioError | None = None

    def mistake(self, problem: str) -> ScenarioError:
        """What is wrong with this value, to be collected."""
        return ScenarioError(self.file, self.line, self.column, self.path, problem)

    def fail(self, problem: str) -> NoReturn:
        """Refuse this value. Raises ``ScenarioError``."""
        raise self.mistake(problem)

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return self.value


def parse(text: bytes, file: str) -> tuple[Node, list[ScenarioError]]:
    """The value that a text holds, and what of it could not be read.

    Raises ``ScenarioError`` for a text that cannot be read at all.
    """
    if len(text) > SIZE_LIMIT:
        raise ScenarioError(
            file, 0, 0, "", f"has {len(text)} bytes; a scenario has at most {SIZE_LIMIT}"
        )
    try:
        source = _as_yaml(text.decode("utf-8-sig"))
        _refuse_size(source, file)
        tree = yaml.compose(source, _Loader)
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
        raise ScenarioError(file, *_place(text, error.start), "", problem) from None
    except yaml.reader.ReaderError as error:
        problem = f"is not YAML: {meaning(error.reason, '', 0)}"
        raise ScenarioError(file, *_place(text, error.position), "", problem) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        lines = text.decode("utf-8-sig").splitlines()
        here = lines[line - 1] if 0 < line <= len(lines) else ""
        problem = f"is not YAML: {meaning(f'{error.context} {error.problem}', here, column)}"
        raise ScenarioError(file, line, column, "", problem) from None
    if tree is None:
        raise ScenarioError(file, 1, 1, "", "is empty")
    reader = _Reader(file)
    return reader.node(tree, "", 0), reader.mistakes


def _refuse_size(source: str, file: str) -> None:
    """Refuse what is nested too deeply to be composed, as libyaml would crash, or too long.

    A value takes three events at most, that of its key included.
    """
    depth = 0
    for number, event in enumerate(yaml.parse(source, _Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT or number > 3 * VALUE_LIMIT + 4:
            problem = _TOO_DEEP if depth > DEPTH_LIMIT else _TOO_MANY
            mark = event.start_mark
            assert mark is not None
            raise ScenarioError(file, mark.line + 1, mark.column + 1, "", problem)


def _place(text: bytes, position: int) -> tuple[int, int]:
    """Line and column of a byte."""
    before = text[:position]
    return before.count(b"\n") + 1, position - before.rfind(b"\n")


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._values = 0
        self.mistakes: list[ScenarioError] = []

    def node(self, tree: yaml.Node, path: str, depth: int) -> Node:
        at = self._at(tree, path)
        self._values += 1
        if self._values > VALUE_LIMIT:
            at.fail(_TOO_MANY)
        if depth > DEPTH_LIMIT:
            at.fail(_TOO_DEEP)
        if tree.tag.removeprefix(_TAGS) not in _MEANINGFUL[type(tree)]:
            tag = tree.tag.replace(_TAGS, "!!")[:60]
            return self._broken(at, f"the tag {tag} has no meaning here: remove it")
        if isinstance(tree, yaml.MappingNode):
            return self._mapping(tree, at, depth)
        if isinstance(tree, yaml.SequenceNode):
            items = [
                self.node(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(tree.value)
            ]
            return Node(items, self._file, path, at.line, at.column)
        assert isinstance(tree, yaml.ScalarNode)
        try:
            value = self._scalar(tree, at)
        except ScenarioError as error:
            return self._broken(at, error.problem)
        return Node(value, self._file, path, at.line, at.column, tree.value)

    def _broken(self, at: Node, problem: str) -> Node:
        """Collect a mistake; the node stands for the value that could not be read."""
        broken = at.mistake(problem)
        self.mistakes.append(broken)
        return replace(at, broken=broken)

    def _scalar(self, tree: yaml.Node, at: Node) -> Any:
        assert isinstance(tree, yaml.ScalarNode)
        try:
            value = _SCALARS.construct_object(tree)
        except (ValueError, yaml.YAMLError):
            at.fail(f"{tree.value[:60]!r} cannot be read: put it in quotes")
        if not tree.style and _JSON_NUMBER.fullmatch(tree.value):
            return float(tree.value)  # a string to YAML, unless it has a point
        if type(value) in (int, float) and not _PLAIN_NUMBER.fullmatch(tree.value):
            shown = (
                f"{value!r:.60}" if isinstance(value, float) or abs(value) < 2**64 else "too large"
            )
            at.fail(f"{tree.value[:60]} is {shown} in YAML: write that, or put it in quotes")
        return value

    def _mapping(self, tree: yaml.MappingNode, at: Node, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Node] = {}
        broken = None
        for key_tree, value_tree in tree.value:
            key_at = self._at(key_tree, at.path)
            if key_tree.tag == f"{_TAGS}merge":
                problem = "the key << would merge: write the keys out, or put it in quotes"
                broken = self._broken(key_at, problem).broken
                continue
            key = self._key(key_tree, key_at)
            if key is None:
                broken = self.mistakes[-1]
                continue
            path = f"{at.path}.{key}".removeprefix(".")
            value = self.node(value_tree, path, depth + 1)
            if key in values:
                first = f"first on line {keys[key].line}"
                self._broken(self._at(key_tree, path), f"is given twice, {first}: remove one")
                continue
            keys[key] = self._at(key_tree, path)
            values[key] = value
        return Node(values, self._file, at.path, at.line, at.column, keys=keys, broken=broken)

    def _key(self, tree: yaml.Node, at: Node) -> str | None:
        """A key, or None after a mistake is collected."""
        shown = "a list or mapping"
        if isinstance(tree, yaml.ScalarNode):
            shown = tree.value[:60]
            try:
                key = self._scalar(tree, at)
            except ScenarioError as error:
                self.mistakes.append(error)
                return None
            if isinstance(key, str):
                return key
        self._broken(at, f"the key {shown} is not a string: put it in quotes")
        return None

    def _at(self, tree: yaml.Node, path: str) -> Node:
        mark = tree.start_mark
        return Node(None, self._file, path, mark.line + 1, mark.column + 1)


def _as_yaml(source: str) -> str:
    """The text as YAML can read it.

    JSON may be indented with tabs, and may spell a character as two surrogates; YAML knows
    neither.
    """
    if "\t" not in source and "\\u" not in source:
        return source
    try:
        orjson.loads(source)
    except orjson.JSONDecodeError:
        return source
    return _TAB_OR_STRING.sub(_json_piece, source)


def _json_piece(found: re.Match[str]) -> str:
    piece = found[0].replace("\t", " ")
    return _ESCAPE.sub(lambda pair: json.loads(f'"{pair[0]}"') if pair[1] else pair[0], piece)
