"""The description of the control API: ``control.yaml``, with the schemas of what it takes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml


@functools.cache
def document() -> dict[str, Any]:
    """The description of this API, with the schema of a scenario in it."""
    text = (Path(__file__).parent / "control.yaml").read_bytes()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the fast one needs libyaml
    described: dict[str, Any] = yaml.load(text, loader)  # noqa: S506 - both are safe
    scenario = {key: value for key, value in scenario_schema().items() if key != "$schema"}
    described["components"]["schemas"]["Scenario"] = scenario
    return described


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario."""
    from relace_mock.scenario.model import json_schema  # noqa: PLC0415 - loaded when a scenario is first played

    return json_schema()


@functools.cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """Checks a value against one of the schemas of ``control.yaml``."""
    return jsonschema_rs.Draft202012Validator(document()["components"]["schemas"][schema])
