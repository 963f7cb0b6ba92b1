"""Text to values that know where they stand: what a scenario file says, before its meaning.

YAML, and JSON as the part of YAML that it is. What YAML would guess or overlook is refused:
a key given twice, a key that is no string, a tag, an alias that multiplies.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from mock_server.settings import SettingsError

#: Bytes of a scenario. It is a story, not a store.
SIZE_LIMIT = 1_000_000
#: Values in a scenario, each alias counted as often as it is used.
VALUE_LIMIT = 20_000
DEPTH_LIMIT = 50

# The fast one needs libyaml; both are safe.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = yaml.constructor.SafeConstructor()


class ScenarioError(SettingsError):
    """A scenario that cannot be honoured: where, which key, what is wrong, what to do."""

    def __init__(self, file: str, line: int, column: int, key: str, problem: str) -> None:
        self.file, self.line, self.column, self.key, self.problem = file, line, column, key, problem
        where = f"{file}:{line}:{column}: " if line else f"{file}: "
        super().__init__(f"{where}{f'{key}: ' if key else ''}{problem}")


@dataclass(frozen=True, slots=True)
class Node:
    """A value, its path from the top (``rules[0].steps[1].status``) and its place in the text.

    ``value`` is a scalar, a list of nodes, or a dictionary of nodes; ``written`` is a scalar's
    own text; ``keys`` are the places of the keys of a dictionary, each a node without a value.
    """

    value: Any
    file: str
    path: str
    line: int
    column: int
    written: str = ""
    keys: dict[str, Node] = field(default_factory=dict)

    def fail(self, problem: str) -> NoReturn:
        """Refuse this value. Raises ``ScenarioError``."""
        raise ScenarioError(self.file, self.line, self.column, self.path, problem)

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return self.value


def parse(text: bytes, file: str) -> Node:
    """The value that a text holds. Raises ``ScenarioError``."""
    if len(text) > SIZE_LIMIT:
        raise ScenarioError(
            file, 0, 0, "", f"has {len(text)} bytes; a scenario has at most {SIZE_LIMIT}"
        )
    try:
        # JSON may be indented with tabs, YAML may not. Inside a JSON string none can stand.
        source = text.decode("utf-8-sig")
        tabs = source.lstrip().startswith("{")
        tree = yaml.compose(source.replace("\t", " ") if tabs else source, _Loader)
    except UnicodeDecodeError as error:
        raise ScenarioError(file, 0, 0, "", f"is not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise ScenarioError(file, 0, 0, "", "is nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = f"is not YAML: {error.problem or error.context}"
        raise ScenarioError(file, line, column, "", problem) from None
    except yaml.YAMLError as error:
        problem = f"is not YAML: {' '.join(str(error).split())}"
        raise ScenarioError(file, 0, 0, "", problem) from None
    if tree is None:
        raise ScenarioError(file, 1, 1, "", "is empty")
    return _Reader(file).node(tree, "", 0)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._values = 0

    def node(self, tree: yaml.Node, path: str, depth: int) -> Node:
        at = self._at(tree, path)
        self._values += 1
        if self._values > VALUE_LIMIT:
            at.fail(f"there are more than {VALUE_LIMIT} values, aliases included")
        if depth > DEPTH_LIMIT:
            at.fail(f"is nested more than {DEPTH_LIMIT} levels deep")
        if not tree.tag.startswith("tag:yaml.org,2002:"):
            at.fail(f"the tag {tree.tag} has no meaning here: remove it")
        if isinstance(tree, yaml.MappingNode):
            return self._mapping(tree, at, depth)
        if isinstance(tree, yaml.SequenceNode):
            items = [
                self.node(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(tree.value)
            ]
            return Node(items, self._file, path, at.line, at.column)
        try:
            value = _SCALARS.construct_object(tree)
        except (ValueError, yaml.YAMLError):
            at.fail(f"{tree.value!r} cannot be read: put it in quotes")
        return Node(_whole(value), self._file, path, at.line, at.column, tree.value)

    def _mapping(self, tree: yaml.MappingNode, at: Node, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Node] = {}
        for key_tree, value_tree in tree.value:
            key_at = self._at(key_tree, at.path)
            key = _SCALARS.construct_object(key_tree) if _is_scalar(key_tree) else None
            if not isinstance(key, str):
                shown = key_tree.value if _is_scalar(key_tree) else "a list or mapping"
                key_at.fail(f"the key {shown} is not a string: put it in quotes")
            path = f"{at.path}.{key}".removeprefix(".")
            if key in values:
                self._at(key_tree, path).fail(
                    f"is given twice, first on line {keys[key].line}: remove one"
                )
            keys[key] = self._at(key_tree, path)
            values[key] = self.node(value_tree, path, depth + 1)
        return Node(values, self._file, at.path, at.line, at.column, keys=keys)

    def _at(self, tree: yaml.Node, path: str) -> Node:
        mark = tree.start_mark
        return Node(None, self._file, path, mark.line + 1, mark.column + 1)


def _is_scalar(tree: yaml.Node) -> bool:
    return isinstance(tree, yaml.ScalarNode)


def _whole(value: Any) -> Any:
    """JSON may spell one character as two surrogates; YAML reads them as two."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return value


def suggestion(word: str, known: Iterable[str]) -> str:
    """What a misspelt word should perhaps be; else all that it can be."""
    known = list(known)
    near = difflib.get_close_matches(word, known, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}"
