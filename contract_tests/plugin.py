"""The pytest plugin of the kit: the options of ``pytest --pyargs contract_tests.server``.

Pytest does not read the ``conftest.py`` of a package named by ``--pyargs`` in time for its
options. And options such as ``--base-url`` belong to others too: so they are added only where
the suite is run, and not to every pytest of an environment with this package.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SUITE = "contract_tests"


def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    """Add the options if the suite is among the arguments."""
    if any(argument.startswith(_SUITE) or f"/{_SUITE}/" in argument for argument in args):
        _add_options(parser)


def _add_options(parser: pytest.Parser) -> None:
    """The options of ``relace-mock verify-server``, but for those that pytest has."""
    group = parser.getgroup("relace", "contract of Relace's embed endpoint")
    group.addoption("--base-url", help="server to check; ends in /v1")
    group.addoption("--api-key", default=os.environ.get("RELACE_API_KEY"), help="a key it knows")
    group.addoption("--bad-key", help="a key that it does not know")
    group.addoption("--policy", type=Path, help="file of the policies that it claims")
    group.addoption("--known-failures", type=Path, help="file of checks that are known to fail")
    group.addoption("--strict-should", action="store_true", help="a SHOULD is a MUST")
    group.addoption("--contract-seed", type=int, default=0, help="of all that is made up")
    group.addoption("--examples", type=int, default=20, help="examples for each property")
    group.addoption("--check-timeout", type=float, default=30.0, help="seconds for a check")
