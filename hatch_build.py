"""Puts the contract into both packages of a wheel, so that neither imports the other for it.

Hatchling's own `force-include` is keyed by source and so gives one file one place.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTRACT = "openapi.yaml"


class ContractHook(BuildHookInterface[Any]):
    """An editable install needs no copies: there the contract lies beside the packages."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.copies = Path(mkdtemp())
        if version == "editable":
            return
        for package in ("mock_server", "contract_tests"):
            copy = self.copies / package / CONTRACT
            copy.parent.mkdir()
            shutil.copy(Path(self.root) / CONTRACT, copy)
            build_data["force_include"][str(copy)] = f"{package}/{CONTRACT}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - the interface
        shutil.rmtree(self.copies)
