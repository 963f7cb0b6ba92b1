"""Copy the contract into both packages of a wheel, and the scenarios into the mock's package.

Each package has its own copy of the contract, because neither imports the other for it. The setting
`force-include` of hatchling maps each source to one place only, so this hook makes the copies.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTRACT = "openapi.yaml"
SCENARIOS = "scenarios"


class DataHook(BuildHookInterface[Any]):
    """Copy data files into a wheel. An editable install needs none: it reads the checkout."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.copies = Path(mkdtemp())
        if version == "editable":
            return
        for package in ("relace_mock", "relace_contract"):
            copy = self.copies / package / CONTRACT
            copy.parent.mkdir()
            shutil.copy(Path(self.root) / CONTRACT, copy)
            build_data["force_include"][str(copy)] = f"{package}/{CONTRACT}"
        scenarios = Path(self.root) / SCENARIOS
        build_data["force_include"][str(scenarios)] = f"relace_mock/{SCENARIOS}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - the interface
        shutil.rmtree(self.copies)
