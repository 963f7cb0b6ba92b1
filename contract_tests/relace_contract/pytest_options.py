"""Command line options of the server checks as a pytest suite.

::

    pytest -p relace_contract.pytest_options --pyargs relace_contract.server --relace-base-url URL

The options have a module of their own because pytest reads the ``conftest.py`` of a package
named by ``--pyargs`` too late to take options from it. The module is not an entry point, so a
project that merely has this package installed gets no options from it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of ``relace-mock verify-server``, except those that pytest has itself."""
    group = parser.getgroup("relace-contract", "contract of Relace's embed endpoint")
    group.addoption("--relace-base-url", metavar="URL", help="URL of the server to check")
    group.addoption(
        "--relace-api-key",
        metavar="KEY",
        default=os.environ.get("RELACE_API_KEY"),
        help="a key that the server knows (default: the variable RELACE_API_KEY)",
    )
    group.addoption("--relace-bad-key", metavar="KEY", help="a key that the server does not know")
    group.addoption(
        "--relace-cacert", type=Path, metavar="FILE", help="PEM file of certificates to trust"
    )
    group.addoption(
        "--relace-policy",
        type=Path,
        metavar="FILE",
        help="file of the policies that the server claims",
    )
    group.addoption(
        "--relace-known-failures",
        type=Path,
        metavar="FILE",
        help="file that lists the checks that are known to fail, one on each line",
    )
    group.addoption(
        "--relace-strict", action="store_true", help="fail if a SHOULD does not hold, too"
    )
    group.addoption("--relace-seed", type=int, default=0, help="seed for generated test data")
    group.addoption(
        "--relace-examples",
        type=int,
        default=20,
        help="number of generated examples for each property",
    )
    group.addoption(
        "--relace-timeout", type=float, default=30.0, help="seconds that one check may take"
    )
