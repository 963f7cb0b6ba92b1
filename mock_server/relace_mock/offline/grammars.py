"""Functions and classes of languages other than Python, by tree-sitter.

The grammars come with the extra ``code``. They parse files with errors too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from relace_mock.excerpts import shortened
from relace_mock.offline.pieces import Definition


class _Language(NamedTuple):
    """A grammar, and the types of its nodes that are functions or hold functions.

    ``values`` are functions without a name of their own; a node of ``named`` gives them one.
    """

    suffixes: str
    functions: str
    scopes: str
    package: str = ""
    entry: str = "language"
    values: str = ""
    named: str = ""


_JAVASCRIPT = _Language(
    ".js .mjs .cjs .jsx",
    "function_declaration generator_function_declaration method_definition",
    "class_declaration class abstract_class_declaration internal_module module",
    values="arrow_function function_expression generator_function",
    named="variable_declarator assignment_expression pair field_definition public_field_definition",
)
_LANGUAGES = {
    "javascript": _JAVASCRIPT,
    "typescript": _JAVASCRIPT._replace(suffixes=".ts .mts .cts", entry="language_typescript"),
    "tsx": _JAVASCRIPT._replace(suffixes=".tsx", package="typescript", entry="language_tsx"),
    "go": _Language(".go", "function_declaration method_declaration", ""),
    "rust": _Language(".rs", "function_item", "impl_item trait_item mod_item"),
    "java": _Language(
        ".java",
        "method_declaration constructor_declaration compact_constructor_declaration",
        "class_declaration interface_declaration enum_declaration record_declaration",
    ),
    "kotlin": _Language(
        ".kt .kts",
        "function_declaration secondary_constructor",
        "class_declaration object_declaration",
    ),
    "scala": _Language(
        ".scala .sc",
        "function_definition",
        "class_definition object_definition trait_definition enum_definition",
    ),
    "c": _Language(".c .h", "function_definition", ""),
    "cpp": _Language(
        ".cc .cpp .cxx .hh .hpp .hxx",
        "function_definition",
        "class_specifier struct_specifier namespace_definition",
    ),
    "c_sharp": _Language(
        ".cs",
        "method_declaration constructor_declaration operator_declaration local_function_statement",
        "class_declaration struct_declaration interface_declaration record_declaration "
        "namespace_declaration",
    ),
    "ruby": _Language(".rb .rake", "method singleton_method", "class module"),
    "php": _Language(
        ".php",
        "function_definition method_declaration",
        "class_declaration trait_declaration interface_declaration enum_declaration",
        entry="language_php",
    ),
    "bash": _Language(".sh .bash", "function_definition", ""),
}
_BY_SUFFIX = {suffix: name for name, each in _LANGUAGES.items() for suffix in each.suffixes.split()}
# The fields of a node that lead to its name, the types of nodes that are a name, and the types of
# statements that may hold nothing but a definition.
_NAMES = ("name", "declarator", "left", "key", "property", "type")
_IDENTIFIERS = frozenset(
    {"identifier", "field_identifier", "type_identifier", "qualified_identifier"}
)
_WRAPPERS = frozenset(
    {
        "export_statement",
        "lexical_declaration",
        "variable_declaration",
        "expression_statement",
        "template_declaration",
    }
)
_LISTS = frozenset({"lexical_declaration", "variable_declaration"})
_ATTRIBUTES = frozenset({"attribute_item", "decorator"})
_RECEIVER = re.compile(r"(\w+)\s*[\[)]")  # the type in `(s *Server[T])`
_NAME = 100  # the most characters of a name


def language_of(suffix: str) -> str | None:
    """The language of files with this suffix, if there is a grammar for it."""
    return _BY_SUFFIX.get(suffix)


@functools.cache
def is_installed(language: str) -> bool:
    """Whether tree-sitter and the grammar of a language are installed."""
    return find_spec("tree_sitter") is not None and find_spec(_module(language)) is not None


def definitions(language: str, source: str) -> list[Definition]:
    """Find functions and classes. A function in a function belongs to the outer one."""
    encoded = source.encode()
    tree = _parser(language).parse(encoded)
    return list(_Finder(_LANGUAGES[language], encoded).below(tree.root_node))


def _module(language: str) -> str:
    return f"tree_sitter_{_LANGUAGES[language].package or language}"


@functools.cache
def _parser(language: str) -> Any:
    import tree_sitter  # noqa: PLC0415 - comes with the extra `code`

    entry = getattr(import_module(_module(language)), _LANGUAGES[language].entry)
    return tree_sitter.Parser(tree_sitter.Language(entry()))


class _Finder:
    """Finds the definitions in the tree of one file."""

    def __init__(self, language: _Language, source: bytes) -> None:
        self._source = source
        self._functions = frozenset(language.functions.split())
        self._scopes = frozenset(language.scopes.split())
        self._values = frozenset(language.values.split())
        self._named = frozenset(language.named.split())

    def below(self, root: Any) -> Iterator[Definition]:
        """Yield the definitions in a tree, without recursion, because expressions nest deeply."""
        waiting = [(root, "")]
        while waiting:
            node, prefix = waiting.pop()
            kind = node.type
            if kind in self._functions or (kind in self._named and self._is_named_function(node)):
                yield self._definition(node, prefix, is_function=True)
                continue
            if kind in self._scopes:
                scope = self._definition(node, prefix, is_function=False)
                yield scope
                prefix = f"{scope.name}."
            waiting += [(child, prefix) for child in reversed(node.named_children)]

    def _is_named_function(self, node: Any) -> bool:
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        return value is not None and value.type in self._values

    def _definition(self, node: Any, prefix: str, *, is_function: bool) -> Definition:
        outer = _statement(node)
        first = outer
        while (before := first.prev_named_sibling) is not None and self._leads(before, first):
            first = before
        begin = self._source.rfind(b"\n", 0, first.start_byte) + 1
        if self._source[begin : first.start_byte].strip():
            begin = first.start_byte
        return Definition(
            prefix + self._name(node),
            is_function,
            first.start_point.row + 1,
            node.start_point.row + 1,
            outer.end_point.row + 1,
            self._source[begin : outer.end_byte].decode("utf-8", "replace"),
        )

    def _leads(self, before: Any, node: Any) -> bool:
        """Whether a node is a comment or an attribute right above another node."""
        if "comment" not in before.type and before.type not in _ATTRIBUTES:
            return False
        begin = self._source.rfind(b"\n", 0, before.start_byte) + 1
        is_alone = not self._source[begin : before.start_byte].strip()
        return is_alone and before.end_point.row >= node.start_point.row - 1

    def _name(self, node: Any) -> str:
        found = node
        while found.type not in _IDENTIFIERS:
            children = map(found.child_by_field_name, _NAMES)
            child = next((each for each in children if each is not None), None)
            if child is None:
                break
            found = child
        if found is node:
            return "?"
        name = _first_line(found)
        receiver = node.child_by_field_name("receiver")  # of a method in Go
        type_of = _RECEIVER.search(_first_line(receiver)) if receiver is not None else None
        return f"{type_of[1]}.{name}" if type_of else name


def _statement(node: Any) -> Any:
    """The statement that holds nothing but this definition, such as ``export const f = …``."""
    while (parent := node.parent) is not None and parent.type in _WRAPPERS:
        if parent.type in _LISTS and parent.named_child_count > 1:
            break
        node = parent
    return node


def _first_line(node: Any) -> str:
    text: str = node.text.decode("utf-8", "replace")
    return shortened(text.partition("\n")[0].strip(), _NAME)
