"""Real clients that the kit is tried on, with their adapters and known failures."""

from __future__ import annotations

import atexit
import functools
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from relace_contract import known_failures
from relace_contract.adapters import examples
from relace_contract.adapters.protocol import Adapter
from relace_contract.adapters.stdio import Stdio
from relace_contract.client.options import ClientOptions
from relace_contract.client.verify import verify
from relace_contract.judgement import Report
from relace_contract.known_failures import KnownFailures

EXAMPLES = Path(examples.__file__).parent
#: Where the TypeScript SDK is installed.
NODE_PROJECT = Path(__file__).parents[1] / "javascript"


@dataclass(frozen=True, slots=True)
class RealClient:
    """A client. ``file`` is its adapter, ``known`` the file of its known failures."""

    name: str
    file: str
    known: str | None
    way: Literal["stdio", "command"] = "stdio"
    needs: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def command(self) -> str:
        """The command that a user would type."""
        if self.file.endswith(".py"):
            module = f"relace_contract.adapters.examples.{self.file.removesuffix('.py')}"
            return shlex.join([sys.executable, "-m", module])
        if self.file.endswith(".java"):
            quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # halve the time to start
            name = self.file.removesuffix(".java")
            return shlex.join(["java", *quick, "-cp", _compiled(self.file), name])
        return shlex.join(
            ["node" if self.file.endswith(".mjs") else "sh", str(EXAMPLES / self.file)]
        )

    @property
    def missing(self) -> str:
        """The programs or packages that it needs and that are missing; empty if none is."""
        absent = [tool for tool in self.needs if shutil.which(tool) is None]
        if self.folder is not None and not (self.folder / "node_modules").is_dir():
            absent.append("`npm ci` in tests/javascript")
        return " and ".join(absent)

    def verified(self, *, seed: int = 0, examples: int = 20) -> Report:
        """The report on the client, with its known failures marked."""
        known = (
            known_failures.read(EXAMPLES / self.known, "client") if self.known else KnownFailures()
        )
        wanted = ClientOptions(
            way=self.way, client=self.command, known=known, seed=seed, examples=examples
        )
        return verify(wanted, lambda _: None, self._adapter if self.folder else None)

    def _adapter(self) -> Adapter:
        return Stdio(self.command, self.folder)


@functools.cache
def _compiled(file: str) -> str:
    """The folder of the compiled classes of a Java file, which a run starts several times."""
    folder = tempfile.mkdtemp(prefix="relace-contract-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(["javac", "-d", folder, str(EXAMPLES / file)], check=True)  # noqa: S607 - as found
    return folder


CLIENTS = (
    RealClient("reference", "reference.py", None),
    RealClient("Python SDK", "python_sdk.py", "python_sdk.known-failures.txt"),
    RealClient("Python SDK, async", "python_sdk_async.py", "python_sdk.known-failures.txt"),
    RealClient(
        "TypeScript SDK",
        "typescript_sdk.mjs",
        "typescript_sdk.known-failures.txt",
        needs=("node",),
        folder=NODE_PROJECT,
    ),
    RealClient("plain fetch", "fetch.mjs", "fetch.known-failures.txt", needs=("node",)),
    RealClient("curl", "curl.sh", "curl.known-failures.txt", "command", needs=("curl",)),
    RealClient("plain requests", "plain_requests.py", "plain_requests.known-failures.txt"),
    RealClient("plain aiohttp", "plain_aiohttp.py", "plain_aiohttp.known-failures.txt"),
    RealClient(
        "Java HttpClient", "JavaHttpClient.java", "java.known-failures.txt", needs=("java", "javac")
    ),
    RealClient("agent-shaped", "agent.py", "agent.known-failures.txt"),
)
