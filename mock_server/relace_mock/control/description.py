"""The OpenAPI description of the control API: ``control.yaml``, with its schemas."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relace_mock import schemas, yaml_loader

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator


@functools.cache
def document() -> dict[str, Any]:
    """The description of this API, with the schema of a scenario in it."""
    text = (Path(__file__).parent / "control.yaml").read_bytes()
    described: dict[str, Any] = yaml_loader.load(text)
    scenario = {key: value for key, value in scenario_schema().items() if key != "$schema"}
    described["components"]["schemas"]["Scenario"] = scenario
    return described


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario."""
    from relace_mock.scenario.model import json_schema  # noqa: PLC0415 - loaded when a scenario is first played

    return json_schema()


@functools.cache
def validator(schema: str) -> Draft202012Validator:
    """A validator for one of the schemas of ``control.yaml``."""
    return schemas.validator(document()["components"]["schemas"][schema])
