"""Fixtures for the server checks as a pytest suite: the options, and the run that they share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from relace_contract import known_failures, policy, requirements
from relace_contract.address import base_url
from relace_contract.foreign_text import on_one_line
from relace_contract.judgement import CannotRun
from relace_contract.known_failures import KnownFailures
from relace_contract.runner import Run
from relace_contract.server.options import ServerOptions
from relace_contract.server.reach import probe
from relace_contract.server.subject import Server
from relace_contract.server.verify import FIRST


@pytest.fixture(scope="session")
def options(pytestconfig: pytest.Config) -> ServerOptions:
    """The options of the pytest command."""
    if not pytestconfig.pluginmanager.has_plugin("relace_contract.pytest_options"):
        raise pytest.UsageError(
            "the options of relace_contract.server are not loaded: "
            "add `-p relace_contract.pytest_options` to the pytest command"
        )
    url = pytestconfig.getoption("relace_base_url")
    if not url:
        raise pytest.UsageError(
            "--relace-base-url is missing: write --relace-base-url http://127.0.0.1:8080/v1"
        )
    known, claimed = (
        pytestconfig.getoption(f"relace_{name}") for name in ("known_failures", "policy")
    )
    try:
        url = base_url(url)
    except ValueError as error:
        raise pytest.UsageError(f"--relace-base-url: {error}") from None
    return ServerOptions(
        url=url,
        api_key=pytestconfig.getoption("relace_api_key"),
        bad_key=pytestconfig.getoption("relace_bad_key"),
        policy=policy.read(claimed, "server") if claimed else None,
        known=known_failures.read(known, "server") if known else KnownFailures(),
        strict=pytestconfig.getoption("relace_strict"),
        seed=pytestconfig.getoption("relace_seed"),
        examples=pytestconfig.getoption("relace_examples"),
        timeout=pytestconfig.getoption("relace_timeout"),
        cacert=pytestconfig.getoption("relace_cacert"),
    )


@pytest.fixture(scope="session")
def run(options: ServerOptions) -> Iterator[Run]:
    """The run that all checks of a process share."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(Server(options))
            answers = probe(server, FIRST)
        except CannotRun as error:
            pytest.fail(on_one_line(options.secrets.hide(str(error))), pytrace=False)
        if not answers:
            pytest.fail(f"{options.url} answers, but not as an embed endpoint", pytrace=False)
        yield Run(server, requirements.requirements("server"), options.terms)
