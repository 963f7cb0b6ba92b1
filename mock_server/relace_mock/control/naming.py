"""Names of scenarios that hold an API key. Clients choose these names, and many answers show them."""

from __future__ import annotations

import dataclasses
from collections.abc import Container

from relace_mock.journal.redaction import of_request
from relace_mock.keys import namespace_of
from relace_mock.messages import Received
from relace_mock.state.model import Installed


def without_key(installed: Installed, received: Received) -> Installed:
    """An installed scenario, with the key of the request that installs it hidden in its name."""
    scenario = installed.scenario
    if scenario is None:
        return installed
    name = of_request(received).line(scenario.name)
    if name == scenario.name:
        return installed
    return installed._replace(name=name, scenario=dataclasses.replace(scenario, name=name))


def shown(name: str | None, namespaces: Container[str]) -> str | None:
    """The name of a scenario, hidden if it is the key of one of these namespaces."""
    own = namespace_of(name)
    return f"<key {own[:8]}>" if name is not None and own in namespaces else name
