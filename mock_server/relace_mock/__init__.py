"""A local fake of Relace's code-embedding API.

    with relace_mock.running() as server:
        client = Relace(base_url=server.base_url, api_key="rlc-anything")

``embed`` computes vectors without a server. ``transport`` connects an ``httpx`` or ``httpx2``
client to the mock without a socket. ``app`` is the mock as an ASGI application.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from relace_mock.version import __version__

if TYPE_CHECKING:
    from relace_mock.control.findings import BehaviourWarning, Finding, Verdict
    from relace_mock.control.mocks import MockServer
    from relace_mock.control.recorded import RecordedRequest
    from relace_mock.control.remote import RemoteControl
    from relace_mock.offline.vectors import embed
    from relace_mock.serving.embedded import app
    from relace_mock.serving.in_process import transport
    from relace_mock.serving.running_server import RunningServer
    from relace_mock.serving.starting import running
    from relace_mock.settings import ServerError, Settings, SettingsError

__all__ = [
    "BehaviourWarning",
    "Finding",
    "MockServer",
    "RecordedRequest",
    "RemoteControl",
    "RunningServer",
    "ServerError",
    "Settings",
    "SettingsError",
    "Verdict",
    "__version__",
    "app",
    "embed",
    "running",
    "transport",
]

# These are imported on first use, so that `relace-mock --help` need not wait for NumPy.
_HOMES = {
    "BehaviourWarning": "control.findings",
    "Finding": "control.findings",
    "MockServer": "control.mocks",
    "RecordedRequest": "control.recorded",
    "RemoteControl": "control.remote",
    "RunningServer": "serving.running_server",
    "ServerError": "settings",
    "Settings": "settings",
    "SettingsError": "settings",
    "Verdict": "control.findings",
    "app": "serving.embedded",
    "embed": "offline.vectors",
    "running": "serving.starting",
    "transport": "serving.in_process",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
