"""The keys of a scenario file, their kinds, and which of them go together.

The reader and the JSON Schema both follow from these classes and those of ``rule``, ``when`` and
``step``. A scenario that cannot be played as written is refused when it is read, never later.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, get_args

from relace_mock.scenario import aliases
from relace_mock.scenario.components import wrong_numbers
from relace_mock.scenario.compounds import ListOf, Mistakes, Record
from relace_mock.scenario.coverage import covered
from relace_mock.scenario.durations import Duration
from relace_mock.scenario.kinds import Flag, OneOf, Text
from relace_mock.scenario.known_vectors import (
    ENTRY_LIMIT,
    KnownVector,
    KnownVectors,
    as_vectors,
    impossible,
)
from relace_mock.scenario.mistakes import ScenarioError
from relace_mock.scenario.numbers import Multiple, Whole, short_text
from relace_mock.scenario.patterns import bounded_together
from relace_mock.scenario.rule import (
    Rule,
    as_rules,
    as_steps,
    step_elsewhere,
    unreachable,
)
from relace_mock.scenario.source import Node, parse
from relace_mock.scenario.step import Step
from relace_mock.scenario.when import When
from relace_mock.settings import ResetForm

#: Most rules of a scenario.
RULE_LIMIT = 1000
_REPEAT_ELSEWHERE = "works only beside steps: add steps, or write repeat inside a rule"
_QUOTA = re.compile(
    r"(\d{1,9})\s*(?:/|per|in|every|a)\s*(\d{0,9})\s*(?:(ms|s|m|h)\w*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A quota: a number of requests in each window of time."""

    ALIASES: ClassVar = aliases.QUOTA_KEYS

    requests: Annotated[int, Whole(1), "requests in a window"]
    per: Annotated[float, Duration(zero=False), "length of a window"]
    retry_after: Annotated[bool, Flag(), "whether a 429 says in Retry-After how long to wait"] = (
        False
    )
    reset: Annotated[
        ResetForm | None,
        OneOf(get_args(ResetForm)),
        "the form of X-RateLimit-Reset; by default the server's",
    ] = None

    @staticmethod
    def form(node: Node) -> str:
        """See ``Record``."""
        match = _QUOTA.fullmatch(short_text(node))
        if match:
            return f"{{requests: {match[1]}, per: {match[2] or 1}{match[3].lower()}}}"
        whole = node.written if type(node.value) is int and node.value > 0 else 3
        return f"{{requests: {whole}, per: 60s}}"


@dataclass(frozen=True, slots=True)
class _File:
    """The keys of a scenario file."""

    ALIASES: ClassVar = aliases.FILE_KEYS

    name: Annotated[
        str | None,
        Text("[A-Za-z0-9_-]{1,64}", "up to 64 letters, digits, - or _"),
        "name of the scenario; the file's name by default",
    ] = None
    description: Annotated[str, Text(), "what happens, in a sentence"] = ""
    seed: Annotated[int, Whole(0), "seed for everything that is left to chance"] = 0
    dimensions: Annotated[
        int | None, Multiple(8, 8192), "vectors of this length, for this scenario only"
    ] = None
    vectors: Annotated[
        tuple[KnownVector, ...],
        ListOf(Record(KnownVector), form=as_vectors, most=ENTRY_LIMIT),
        "texts whose vectors a test needs to know",
    ] = ()
    rate_limit: Annotated[RateLimit | None, Record(RateLimit), "quota of each API key"] = None
    steps: Annotated[
        tuple[Step, ...],
        ListOf(Record(Step), form=as_steps),
        "what requests get, one after another",
    ] = ()
    repeat: Annotated[bool, Flag(), "whether the steps begin again after the last"] = False
    rules: Annotated[
        tuple[Rule, ...],
        ListOf(Record(Rule), form=as_rules, most=RULE_LIMIT),
        "rules for requests; the first rule that matches answers",
    ] = ()

    @staticmethod
    def form(node: Node) -> str:
        """See ``Record``."""
        return "steps: and the list below it" if isinstance(node.value, list) else ""

    @staticmethod
    def elsewhere(name: str) -> str | None:
        """See ``Record``."""
        if name in ("when", "chance"):
            return "it belongs to a rule: rules: [{when: {…}, steps: [{…}]}]"
        if name in ("text", "text_matches", "near", "cosine"):
            return f"it belongs to an entry of vectors: vectors: [{{{name}: …}}]"
        return step_elsewhere(name)

    @staticmethod
    def conflicts(node: Node) -> Iterator[ScenarioError]:
        """Yield mistakes for keys that exclude each other, and for what is never reached."""
        keys = node.value
        if "steps" in keys and "rules" in keys:
            yield node.keys["rules"].mistake("there are steps already: put them into a rule")
        if "repeat" in keys and "steps" not in keys and "rules" in keys:
            yield node.keys["repeat"].mistake(_REPEAT_ELSEWHERE)
        yield from unreachable(node)
        yield from covered(node)

    def mistakes(self, node: Node) -> Iterator[ScenarioError]:
        """Yield a mistake for a scenario that does nothing."""
        if not (self.steps or self.rules or self.rate_limit or self.dimensions or self.vectors):
            yield node.mistake(
                "does nothing: give it steps, rules, rate_limit, dimensions or vectors"
            )
        if self.repeat and not self.steps and not self.rules:
            yield node.keys["repeat"].mistake(_REPEAT_ELSEWHERE)
        if self.steps:
            yield from Rule(When(), self.steps).mistakes(node)
        if self.vectors:
            yield from impossible(self.vectors, node.value["vectors"])


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, ready to be played.

    ``digest`` differs between two versions. ``size`` is the size of the source in bytes, with its
    aliases written out: the sum over all installed scenarios is bounded.
    """

    name: str
    description: str
    seed: int
    dimensions: int | None
    vectors: KnownVectors | None
    rate_limit: RateLimit | None
    rules: tuple[Rule, ...]
    digest: str
    source: Any
    size: int

    @property
    def looks_into_inputs(self) -> bool:
        """Whether a rule searches the inputs, which takes long if they are large."""
        return self.has_patterns or any(rule.when.input_contains for rule in self.rules)

    @property
    def has_patterns(self) -> bool:
        """Whether the inputs are matched against a regular expression."""
        in_vectors = self.vectors is not None and self.vectors.has_patterns
        return in_vectors or any(rule.when.input_matches for rule in self.rules)


_KIND = Record(_File)


@bounded_together()
def read(text: bytes, file: str, default_name: str, dimensions: int | None = None) -> Scenario:
    """Read a scenario from YAML or JSON. Raises ``ScenarioError`` with all mistakes.

    ``file`` names the text in messages. ``dimensions`` is the length of the server's vectors, if it
    is known; it holds for a scenario that sets no ``dimensions``. The top may also have
    ``$schema``, for editors. Pure: it may run in any thread, and takes up to about a second for the
    largest scenario.
    """
    parsed = parse(text, file)
    node = parsed.top
    mistakes = Mistakes(parsed.mistakes)
    if isinstance(node.value, dict) and "$schema" in node.value:
        mistakes.read(Text(), node.value.pop("$schema"))
    keys: _File = mistakes.read(_KIND, node)
    if isinstance(node.value, dict):
        mistakes.add_all(wrong_numbers(node, dimensions))
    mistakes.refuse()
    rules = keys.rules
    if keys.steps:
        rules = (Rule(When(), keys.steps, repeat=keys.repeat),)
    name = keys.name or default_name
    digest = hashlib.sha256(name.encode() + b"\n" + text).hexdigest()[:16]
    return Scenario(
        name,
        keys.description,
        keys.seed,
        keys.dimensions,
        KnownVectors(keys.vectors, digest) if keys.vectors else None,
        keys.rate_limit,
        rules,
        digest,
        node.plain(),
        max(len(text), parsed.size),
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the format. It accepts more than the reader, never less."""
    schema = _KIND.schema()
    schema["properties"] = {"$schema": {"type": "string"}} | schema["properties"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of relace-mock",
        **schema,
    }
