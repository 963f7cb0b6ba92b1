"""The environment of a command: its proxy, its certificates, its hooks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from relace_mock.interception import hosts, java, trust

#: Tells the hooks what to do. Without it they do nothing.
SWITCH = "_RELACE_MOCK_RUN"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_NO_PROXY = ("NO_PROXY", "no_proxy")
_LOOPBACK = "localhost,127.0.0.1,::1"
_HOOKS = resources.files("relace_mock.interception") / "hooks"


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a run, in a folder that is removed at its end."""

    folder: Path

    @property
    def authority(self) -> Path:  # noqa: D102 - named like the file
        return self.folder / "authority.pem"

    @property
    def bundle(self) -> Path:  # noqa: D102
        return self.folder / "bundle.pem"

    @property
    def addition(self) -> Path:  # noqa: D102
        return self.folder / "addition.pem"

    @property
    def store(self) -> Path:  # noqa: D102
        return self.folder / "truststore.jks"

    @property
    def python(self) -> Path:  # noqa: D102
        return self.folder / "python"

    @property
    def node(self) -> Path:  # noqa: D102
        return self.folder / "node.cjs"

    def write(self, environment: Mapping[str, str], authority: bytes) -> None:
        """Write certificates and hooks. ``authority`` is the one of this run, as PEM."""
        bundle = trust.bundle(environment, authority)
        self.authority.write_bytes(authority)
        self.bundle.write_bytes(bundle)
        self.addition.write_bytes(trust.addition(environment, authority))
        self.store.write_bytes(java.store(environment, bundle))
        self.python.mkdir()
        (self.python / "sitecustomize.py").write_bytes((_HOOKS / "sitecustomize.py").read_bytes())
        self.node.write_bytes((_HOOKS / "node.cjs").read_bytes())


def environment_for(
    before: Mapping[str, str], files: Files, port: int, mock_url: str, *, block: bool
) -> dict[str, str]:
    """Return the environment of the command.

    Args:
        before: the environment that it would have without a run.
        files: the files of this run.
        port: the port of the proxy.
        mock_url: the base URL of the mock.
        block: whether hosts other than Relace's are blocked.
    """
    proxied = any(before.get(name) or before.get(name.lower()) for name in _PROXIES)
    kept = {name: _without_relace(before[name]) for name in _NO_PROXY if name in before}
    address = f"http://127.0.0.1:{port}"
    after = {**before, **kept}
    for name in _PROXIES:
        after[name] = after[name.lower()] = address
    # Unless the user has a proxy, clients reach loopback addresses directly. A run must not change
    # that: if nothing listens there, the connection must be refused, and not answered by a proxy.
    for name, other in (_NO_PROXY, _NO_PROXY[::-1]) if block or not proxied else ():
        # A host that is blocked must ask the proxy. Most clients read only one of the variables.
        others = "" if block else kept.get(name, kept.get(other, ""))
        after[name] = ",".join(filter(None, [others, _LOOPBACK]))
    for name in trust.REPLACING:
        after[name] = str(files.bundle)
    after[trust.ADDING] = str(files.addition)
    no_proxy = hosts.entries(after.get("no_proxy") or after.get("NO_PROXY", ""))
    after[java.VARIABLE] = java.options(before.get(java.VARIABLE, ""), files.store, port, no_proxy)
    after["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(files.python), before.get("PYTHONPATH")])
    )
    after["NODE_OPTIONS"] = " ".join(
        filter(None, [before.get("NODE_OPTIONS"), f'--require "{files.node}"'])
    )
    after["RELACE_MOCK_URL"] = mock_url
    after[SWITCH] = f"{port}:{int(block)}:{files.folder}"
    return after


def _without_relace(no_proxy: str) -> str:
    return ",".join(entry for entry in hosts.entries(no_proxy) if not hosts.names_relace(entry))
