"""Journal records as JSON, with every key hidden before they leave the process.

The memory of this process may hold a request as it was sent; a shared store may not. So a record
has the values that ``Entry`` shows, and reading it hides nothing more.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from relace_mock.journal.entry import Entry
from relace_mock.journal.events import Arrived, BodyRead, Decided, Finished
from relace_mock.messages import Headers, Told
from relace_mock.scenario.engine import Decision

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario


class _Clean:
    """A redaction for values that are already redacted: it changes nothing."""

    def text(self, raw: bytes, *, cut: bool = False) -> bytes:  # noqa: ARG002 - as in Redaction
        return raw

    def line(self, text: str) -> str:
        return text

    def query(self, raw: bytes) -> str:
        return raw.decode()

    def headers(self, fields: Headers) -> Headers:
        return fields

    def answered(self, fields: Headers) -> Headers:
        return fields


@dataclass(frozen=True)
class CleanEntry(Entry):
    """An entry whose events have no key in them. ``misses`` is what ``near_misses`` shows."""

    misses: Sequence[dict[str, Any]] = ()

    @cached_property
    def _hiding(self) -> Any:
        return _Clean()

    def near_misses(self) -> list[dict[str, Any]]:
        """See ``Entry``."""
        return list(self.misses)


def arrival(entry: Entry) -> bytes:
    """Write the head of a request."""
    arrived = entry.arrived
    return orjson.dumps(
        {
            "client": arrived.client,
            "method": entry.hidden(arrived.method),
            "path": entry.path,
            "query": entry.query,
            "headers": entry.shown_headers(),
        }
    )


def body(entry: Entry) -> bytes:
    """Write the beginning of a body."""
    return orjson.dumps(
        {
            "body": base64.b64encode(entry.body).decode(),
            "length": entry.read.length,
            "hash": entry.read.body_hash.hex(),
        }
    )


def decision(entry: Entry, moved: float) -> bytes:
    """Write what was decided. ``moved`` is by how many seconds the namespace's clock was moved."""
    decided = entry.decided
    played, step = decided.decision, decided.decision.step
    texts_hash = decided.texts_hash
    return orjson.dumps(
        {
            "moved": moved,
            "status": decided.status,
            "natural": decided.natural,
            "refusal": decided.refusal,
            "retry_after": decided.retry_after and entry.hidden(decided.retry_after),
            "chosen_by": decided.chosen_by,
            "scenario": entry.scenario_name,
            "rule": played.rule,
            "number": played.number,
            "step": [step.fault, step.mutate] if step else None,
            "not_applicable": played.not_applicable,
            "near_misses": entry.near_misses(),
            "attempt": decided.attempt,
            "violations": entry.violations,
            "notes": [entry.hidden(note) for note in decided.notes],
            "texts_hash": texts_hash.hex() if texts_hash else None,
            "inputs": decided.inputs,
            "source": decided.source,
            "upstream": entry.shown_upstream(),
        }
    )


def entry_of(name: str, number: int, parts: Mapping[str, bytes]) -> Entry:
    """Read a record of a namespace; ``parts`` are as in ``store.lua``."""
    wall, steady, came = orjson.loads(parts["t"])
    decided, moved, tokens = Decided(), 0.0, None
    misses: Sequence[dict[str, Any]] = ()
    finished = Finished()
    if "f" in parts:
        outcome, ended, over, counted = orjson.loads(parts["f"])
        finished = Finished(outcome, float(ended) / 1e6, over)
        tokens = int(counted) if counted else None
    if "d" in parts:
        fields = orjson.loads(parts["d"])
        moved, misses = fields["moved"], fields["near_misses"]
        decided = _decided(fields)._replace(tokens=tokens)
    head = orjson.loads(parts["a"])
    arrived = Arrived(
        name,
        head["client"],
        head["method"],
        head["path"],
        head["query"].encode(),
        "\n".join([part for pair in head["headers"] for part in pair]).encode(),
        float(wall) / 1e6 + moved,
        float(steady) / 1e6,
        moved,
        came,
    )
    read = _body(orjson.loads(parts["r"])) if "r" in parts else BodyRead()
    return CleanEntry(number, arrived, read, decided, finished, misses)


def _body(fields: Mapping[str, Any]) -> BodyRead:
    return BodyRead(
        base64.b64decode(fields["body"]), fields["length"], bytes.fromhex(fields["hash"])
    )


def _decided(fields: Mapping[str, Any]) -> Decided:
    from relace_mock.scenario.step import Step  # noqa: PLC0415 - loaded when a scenario is first played

    step = None
    if fields["step"] is not None:
        fault, mutate = fields["step"]
        step = Step(fault=fault, mutate=tuple(mutate))
    texts_hash = fields["texts_hash"]
    return Decided(
        status=fields["status"],
        natural=fields["natural"],
        refusal=fields["refusal"],
        retry_after=fields["retry_after"],
        chosen_by=fields["chosen_by"],
        scenario=_named(fields["scenario"]) if fields["scenario"] is not None else None,
        decision=Decision(
            fields["rule"],
            fields["number"],
            step,
            not_applicable=fields["not_applicable"],
        ),
        attempt=fields["attempt"],
        broken=tuple(fields["violations"]),
        notes=tuple(fields["notes"]),
        texts_hash=bytes.fromhex(texts_hash) if texts_hash else None,
        inputs=fields["inputs"],
        source=fields["source"],
        told=_told(fields["upstream"]) if fields["upstream"] else None,
    )


def _told(shown: Mapping[str, Any]) -> Told:
    """Read the answer of an upstream, as an entry shows it."""
    fields = [(name.encode(), value.encode()) for name, value in shown["headers"]]
    return Told(shown["host"], shown["status"], fields, shown["error"], shown["waited"])


def _named(name: str) -> Scenario:
    """A scenario of which only the name is known."""
    from relace_mock.scenario.model import Scenario  # noqa: PLC0415 - as above

    return Scenario(name, "", 0, None, None, None, (), "", None, 0)
