"""Parse a scenario file into values that know their place in the text.

The text is YAML, of which JSON is a part. Whatever YAML would guess or overlook is refused: a
repeated key, a key that is no string, a tag, aliases that multiply.

Parsing is pure: it keeps nothing, may run in any thread, and takes time linear in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import orjson
import yaml

from relace_mock.excerpts import shortened
from relace_mock.scenario.limits import DEPTH_LIMIT, SIZE_LIMIT, VALUE_LIMIT
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.scalars import TAGS, value_of
from relace_mock.scenario.syntax import meaning
from relace_mock.yaml_loader import loader

_TOO_MANY = f"there are more than {VALUE_LIMIT} values, aliases included"
_TOO_LONG = f"with aliases written out there are more than {SIZE_LIMIT} characters"
_TOO_DEEP = f"is nested more than {DEPTH_LIMIT} levels deep"
# libyaml compares each directive with all before it, and scenarios need none.
_MOST_DIRECTIVES = 20
_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)

_MEANINGFUL = {
    yaml.MappingNode: ("map",),
    yaml.SequenceNode: ("seq",),
    yaml.ScalarNode: ("str", "int", "float", "bool", "null", "timestamp", "binary"),
}
_TAB_OR_STRING = re.compile(r'\t|"(?:[^"\\]|\\.)*"')
_ESCAPE = re.compile(r"\\(u[dD][89abAB]..\\u....)|\\.")

#: The path from the top to a value, as a linked list: the path to its parent, and its key or index
#: there. It becomes a string only in messages, as keys may be long and values many.
Trail = tuple["Trail", str | int] | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value, and its place in the text.

    ``value`` is a scalar, a list of nodes, or a dictionary of nodes; ``written`` is a scalar's
    own text; ``keys`` are the places of the keys of a dictionary, each a node without a value.
    ``broken`` is the mistake if the value could not be read, which then is None, or if a key of the
    dictionary could not be read, which then is missing.
    """

    value: Any
    file: str
    trail: Trail
    line: int
    column: int
    written: str = ""
    keys: dict[str, Node] = field(default_factory=dict)
    broken: ScenarioError | None = None

    @property
    def path(self) -> str:
        """The path to the value, such as ``rules[0].steps[1].status``."""
        return "".join(reversed(list(_names(self.trail)))).removeprefix(".")

    def mistake(self, problem: str) -> ScenarioError:
        """Make a mistake with the place of this value."""
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


def _names(trail: Trail) -> Iterator[str]:
    while trail is not None:
        trail, name = trail
        yield f"[{name}]" if isinstance(name, int) else f".{shortened(name)}"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The value of a text, and the mistakes in parts that could not be read.

    With its aliases written out, the text has at least ``size`` characters.
    """

    top: Node
    mistakes: list[ScenarioError]
    size: int


def parse(text: bytes, file: str) -> Parsed:
    """Parse a text. Raises ``ScenarioError`` if it is not YAML, or too large.

    ``file`` names the text in messages.
    """
    if len(text) > SIZE_LIMIT:
        raise ScenarioError(
            file, 0, 0, "", f"has {len(text)} bytes, but at most {SIZE_LIMIT} are allowed"
        )
    tree = _composed(text, file)
    if tree is None:
        raise ScenarioError(file, 1, 1, "", "is empty")
    reader = _Reader(file)
    top = reader.node(tree, None, 0)
    return Parsed(top, reader.mistakes, reader.size)


def _composed(text: bytes, file: str) -> yaml.Node | None:
    """Compose a YAML text into PyYAML's tree. Raises ``ScenarioError``."""
    try:
        source = _as_yaml(text.decode("utf-8-sig"))
        _refuse_excess(source, file)
        tree: yaml.Node | None = yaml.compose(source, loader())
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
        raise ScenarioError(file, *_place(text, error.start), "", problem) from None
    except yaml.reader.ReaderError as error:
        problem = f"is not YAML: {meaning(error.reason, '', 0)}"
        raise ScenarioError(file, *_place(text, error.position), "", problem) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    return tree


def _syntax_error(error: yaml.MarkedYAMLError, text: bytes, file: str) -> ScenarioError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    lines = text.decode("utf-8-sig").splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    problem = f"is not YAML: {meaning(f'{error.context} {error.problem}', here, column)}"
    return ScenarioError(file, line, column, "", problem)


def _refuse_excess(source: str, file: str) -> None:
    """Refuse a text with too many values, or nested so deeply that composing it crashes libyaml.

    A value takes at most three events, including that of its key.
    """
    for number, directive in enumerate(_DIRECTIVE.finditer(source), 1):
        if number > _MOST_DIRECTIVES:
            line = source.count("\n", 0, directive.start()) + 1
            raise ScenarioError(file, line, 1, "", "tags have no meaning here: remove %TAG")
    depth = 0
    for number, event in enumerate(yaml.parse(source, loader())):
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
    """Line and column of a byte, both from 1."""
    before = text[:position]
    return before.count(b"\n") + 1, position - before.rfind(b"\n")


class _Reader:
    """Converts PyYAML's tree into nodes, and collects mistakes."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._values = 0
        self.size = 0
        self.mistakes: list[ScenarioError] = []

    def node(self, tree: yaml.Node, trail: Trail, depth: int) -> Node:
        at = self._at(tree, trail)
        self._count(tree, at, depth)
        if tree.tag.removeprefix(TAGS) not in _MEANINGFUL[type(tree)]:
            tag = shortened(tree.tag.replace(TAGS, "!!"))
            return self._broken(at, f"the tag {tag} has no meaning here: remove it")
        if isinstance(tree, yaml.MappingNode):
            return self._mapping(tree, at, depth)
        if isinstance(tree, yaml.SequenceNode):
            items = [
                self.node(item, (trail, index), depth + 1) for index, item in enumerate(tree.value)
            ]
            return Node(items, self._file, trail, at.line, at.column)
        assert isinstance(tree, yaml.ScalarNode)
        try:
            value = value_of(tree)
        except ValueError as error:
            return self._broken(at, str(error))
        return Node(value, self._file, trail, at.line, at.column, tree.value)

    def _count(self, tree: yaml.Node, at: Node, depth: int) -> None:
        """Count a value. Raises ``ScenarioError`` where a bound is exceeded."""
        self._values += 1
        self.size += 2 + (len(tree.value) if isinstance(tree, yaml.ScalarNode) else 0)
        if self._values > VALUE_LIMIT:
            at.fail(_TOO_MANY)
        if self.size > SIZE_LIMIT:
            at.fail(_TOO_LONG)
        if depth > DEPTH_LIMIT:
            at.fail(_TOO_DEEP)

    def _broken(self, at: Node, problem: str) -> Node:
        """Collect a mistake; return the node that stands for the unreadable value."""
        broken = at.mistake(problem)
        self.mistakes.append(broken)
        return replace(at, broken=broken)

    def _mapping(self, tree: yaml.MappingNode, at: Node, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Node] = {}
        broken = None
        for key_tree, value_tree in tree.value:
            key = self._key(key_tree, self._at(key_tree, at.trail))
            if key is None:
                broken = self.mistakes[-1]
                continue
            trail = (at.trail, key)
            value = self.node(value_tree, trail, depth + 1)
            if key in values:
                first = f"first on line {keys[key].line}"
                self._broken(self._at(key_tree, trail), f"is given twice, {first}: remove one")
                continue
            keys[key] = self._at(key_tree, trail)
            values[key] = value
        return Node(values, self._file, at.trail, at.line, at.column, keys=keys, broken=broken)

    def _key(self, tree: yaml.Node, at: Node) -> str | None:
        """Read a key. Return None if it has a mistake, which is collected."""
        if tree.tag == f"{TAGS}merge":
            self._broken(
                at, "merge keys (<<) are not supported: write the keys out, or put << in quotes"
            )
            return None
        shown = "a list or mapping"
        if isinstance(tree, yaml.ScalarNode):
            self.size += len(tree.value)
            shown = shortened(tree.value)
            try:
                key = value_of(tree)
            except ValueError as error:
                self._broken(at, str(error))
                return None
            if isinstance(key, str):
                return key
        self._broken(at, f"the key {shown} is not a string: put it in quotes")
        return None

    def _at(self, tree: yaml.Node, trail: Trail) -> Node:
        mark = tree.start_mark
        return Node(None, self._file, trail, mark.line + 1, mark.column + 1)


def _as_yaml(source: str) -> str:
    """Convert JSON that is not YAML: tabs as indentation, and characters as two surrogates."""
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
