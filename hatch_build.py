"""Puts the contract into both packages of a wheel, and the scenarios into the server's.

Neither package imports the other for the contract, so each has its copy; hatchling's own
`force-include` is keyed by source and so gives one file one place.
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
    """An editable install needs no copies: there the data lies beside the packages."""

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
