"""``pytest --pyargs contract_tests.server``: the server that the options name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract_tests import known_failures, policy, requirements
from contract_tests.finding import CannotRun
from contract_tests.runner import Run
from contract_tests.server.reach import probe
from contract_tests.server.subject import Server
from contract_tests.server.verify import FIRST, Wanted


@pytest.fixture(scope="session")
def wanted(pytestconfig: pytest.Config) -> Wanted:
    """What the options ask for."""
    url = pytestconfig.getoption("base_url")
    if not url:
        raise pytest.UsageError("--base-url is missing: the URL of a server, which ends in /v1")
    known, claimed = (pytestconfig.getoption(name) for name in ("known_failures", "policy"))
    return Wanted(
        url=url.rstrip("/"),
        api_key=pytestconfig.getoption("api_key"),
        bad_key=pytestconfig.getoption("bad_key"),
        policy=policy.read(claimed, "server") if claimed else None,
        known=known_failures.read(known, "server") if known else frozenset(),
        strict=pytestconfig.getoption("strict_should"),
        seed=pytestconfig.getoption("contract_seed"),
        examples=pytestconfig.getoption("examples"),
        timeout=pytestconfig.getoption("check_timeout"),
    )


@pytest.fixture(scope="session")
def run(wanted: Wanted) -> Iterator[Run]:
    """The run that all checks of a process share."""
    with Server(wanted.settings) as server:
        try:
            answers = probe(server, FIRST)
        except CannotRun as error:
            pytest.fail(str(error), pytrace=False)
        if not answers:
            pytest.fail(f"{wanted.url} answers, but not as an embed endpoint", pytrace=False)
        yield Run(server, requirements.requirements("server"), wanted.terms)
