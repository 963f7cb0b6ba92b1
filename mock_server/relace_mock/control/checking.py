"""Checks the text of a scenario, as ``relace-mock scenario check`` does, and says what it means."""

from __future__ import annotations

from typing import Any

from relace_mock.scenario.mistakes import ScenarioError

#: Names the text in messages.
FILE = "scenario"


def checked(text: bytes) -> dict[str, Any]:
    """Whether a text is a valid scenario: what it does in words, or all of its mistakes."""
    from relace_mock.scenario.describe import describe  # noqa: PLC0415 - seldom asked for
    from relace_mock.scenario.model import read  # noqa: PLC0415 - loaded when a scenario is first played

    try:
        scenario = read(text, FILE, "unnamed")
    except ScenarioError as error:
        return {
            "ok": False,
            "name": None,
            "words": "",
            "mistakes": [
                {
                    "line": mistake.line,
                    "column": mistake.column,
                    "key": mistake.key,
                    "problem": mistake.problem,
                }
                for mistake in error.all
            ],
        }
    return {"ok": True, "name": scenario.name, "words": describe(scenario), "mistakes": []}
