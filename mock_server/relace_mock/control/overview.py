"""What is installed where, and the verdict of each key."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from relace_mock.control import naming
from relace_mock.control.parameters import Subject
from relace_mock.journal.entry import Entry
from relace_mock.pipeline import Pipeline
from relace_mock.scenario import engine
from relace_mock.scenario.selection import Wish

#: The most namespaces in one answer.
LISTED = 1000


def playing(pipeline: Pipeline, subject: Subject) -> dict[str, Any]:
    """The scenario in use for a namespace, or for the server's default, with its position."""
    held = pipeline.store.look(subject.name)
    named = subject.names
    if named is None and held.state.names_its_own:
        named = _named_last(pipeline, subject.name)
    wish = Wish("key", named) if named else None
    by, scenario, _ = pipeline.rules.chosen(wish, held.state, pipeline.store.default())
    positions = dict(held.state.positions)
    return {
        "chosen_by": by,
        "name": scenario.name if scenario else None,
        "scenario": scenario.source if scenario else None,
        "position": engine.shown(scenario, positions) if scenario else [],
        "forgotten": held.forgotten,
    }


def namespaces(pipeline: Pipeline) -> dict[str, Any]:
    """What the default and each namespace play, and how far their clocks were moved."""
    counts: dict[str, int] = {}
    for entry in reversed(pipeline.journal.entries()):  # the latest first
        counts[entry.namespace] = counts.get(entry.namespace, 0) + 1
    names = list(dict.fromkeys([*counts, *pipeline.store.names()]))
    default = pipeline.store.default()
    return {
        "default": {
            "name": naming.shown(default.installed.name if default.installed else None, names),
            "advanced": default.advanced,
        },
        "namespaces": [_shown(pipeline, name, counts.get(name, 0)) for name in names[:LISTED]],
        "more": max(len(names) - LISTED, 0),
    }


def _shown(pipeline: Pipeline, name: str, requests: int) -> dict[str, Any]:
    state = playing(pipeline, Subject(name))
    now, advanced = pipeline.store.time_of(name)
    return {
        "namespace": name,
        "requests": requests,
        "chosen_by": state["chosen_by"],
        "name": naming.shown(state["name"], {name}),
        "position": state["position"],
        "now": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "advanced": advanced,
    }


def verdict(pipeline: Pipeline, name: str | None) -> dict[str, Any]:
    """How the client of a namespace behaved, or all clients."""
    journal, store = pipeline.journal, pipeline.store
    entries = journal.entries(name)
    dropped = journal.dropped(name)  # read last, so that it counts what was dropped meanwhile
    lost = store.look(name).lost if name else store.counts().lost > 0
    return _judged(entries, dropped, lost=lost)


def verdicts(pipeline: Pipeline) -> dict[str, Any]:
    """The verdict of each namespace that has requests in the journal, the latest first."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in pipeline.journal.entries():
        groups[entry.namespace].append(entry)
    latest = sorted(groups, key=lambda name: groups[name][-1].number, reverse=True)
    return {
        "verdicts": [
            {
                "namespace": name,
                **_judged(
                    groups[name],
                    pipeline.journal.dropped(name),
                    lost=pipeline.store.look(name).lost,
                ),
            }
            for name in latest[:LISTED]
        ],
        "more": max(len(latest) - LISTED, 0),
    }


def _judged(entries: list[Entry], dropped: int, *, lost: bool) -> dict[str, Any]:
    from relace_mock.control.verdict import judge  # noqa: PLC0415 - seldom asked for

    judged = judge(entries, dropped, forgotten=lost)
    return {
        "ok": judged.ok,
        "complete": judged.complete,
        "requests": judged.requests,
        "findings": [asdict(finding) for finding in judged.findings],
    }


def _named_last(pipeline: Pipeline, name: str) -> str | None:
    """The scenario that the key of a namespace names itself, as the journal shows it."""
    for entry in reversed(pipeline.journal.entries(name)):
        if entry.decided.chosen_by == "key" and entry.scenario is not None:
            return entry.scenario.name
    return None
