"""All attacks, as ``python -m tests.attacks [--seconds N] [--soak N] [NAME…]``.

Each attack runs for some seconds against its own server. Meanwhile the program measures the slowest
answer to a health request and the peak memory, and then the time from SIGTERM to the end of the
process. A soak follows: ten minutes at full speed with faults, quotas, the journal and changing
keys. It writes ``docs/attacks.md`` unless attacks are named, and exits with code 1 if a bound is
broken.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import multiprocessing
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from tests.attacks.attacks import ATTACKS, Address, Attack
from tests.attacks.soak import SOAK

#: The bounds, in seconds.
HEALTH, END = 0.3, 1.0
PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
_DESCRIPTORS = 4096
_PAGE = """\
# Attacks

Written by `nox -s proof` on {today}, on {cores} cores with Python {python}. Each row is an attack
([their code](../tests/attacks/attacks.py)) on a server of its own for {seconds} s. Meanwhile a
client asks for `/_mock/health`, ten times a second, on new connections; the attack and this client
share the processors with the server. At the end the server gets SIGTERM while the attack goes on.

Bounds: a health request takes less than {health} s, and the process ends within {end:g} s.

| attack | what holds | slowest health request | memory | end after SIGTERM |
|---|---|--:|--:|--:|
{rows}

The soak: {soak_seconds} s at full speed, with faults, quotas, the journal and changing keys
([its code](../tests/attacks/soak.py)). {soak}

What takes less time is a test of the suite: `tests/test_bounds.py`, `test_patterns.py`,
`test_scenario_limits.py`, `test_redaction.py`, `test_reading.py`, `test_stopping.py`,
`test_outlet.py`, `test_shelf.py`, `test_values.py`, `test_turns.py`, `test_pipelined.py`,
`test_effort.py`, `test_shares.py`.
"""


class Measured(NamedTuple):
    """Seconds of the slowest health request and until the end; MB and descriptors over time."""

    health: float
    end: float
    memory: list[float]
    descriptors: list[int]
    problems: list[str]


@contextlib.contextmanager
def _server(attack: Attack, folder: Path) -> Iterator[tuple[subprocess.Popen[str], Address]]:
    options = list(attack.options)
    if "--reload" in options:
        scenario = folder / "scenario.yaml"
        scenario.write_text("steps: [{status: 500}]")
        os.environ["ATTACKED_SCENARIO"] = str(scenario)
        options += ["--scenario", str(scenario)]
    command = [sys.executable, "-m", "relace_mock", "serve", "--port", "0", *options]
    prefix = ["sh", "-c", f'{attack.setup or ":"}; exec "$@"', "sh"]
    errors = (folder / "errors").open("w") if attack.reads_errors else subprocess.PIPE
    process = subprocess.Popen(
        [*prefix, *command], stdout=subprocess.PIPE, stderr=errors, text=True
    )
    try:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().split()[-1])
        yield process, (url.hostname or "", url.port or 0)
    finally:
        process.kill()
        process.communicate()


def measure(attack: Attack, seconds: float) -> Measured:
    """Run an attack, and measure its effect on other clients."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _server(attack, Path(folder)) as (server, address),
    ):
        attacker = multiprocessing.Process(target=_attack, args=(attack, address), daemon=True)
        attacker.start()
        problems: list[str] = []
        health, memory, descriptors = 0.0, [], []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            health = max(health, _ask(address, problems))
            memory.append(_memory(server.pid))
            descriptors.append(sum(1 for _ in Path(f"/proc/{server.pid}/fd").iterdir()))
            time.sleep(0.1)
        if not attacker.is_alive():
            problems.append("the attack ended: an answer was not the expected one")
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        try:
            code = server.wait(30)
        except subprocess.TimeoutExpired:
            code = -1
        end = time.monotonic() - began
        attacker.kill()
        if code:
            problems.append(f"exit code {code}")
        errors = Path(folder, "errors")
        if errors.exists() and "Traceback" in errors.read_text(errors="replace"):
            problems.append("a traceback on standard error")
    if health >= HEALTH:
        problems.append(f"a health request took {health:.2f} s")
    if end >= END:
        problems.append(f"the end took {end:.2f} s")
    return Measured(health, end, memory, descriptors, problems)


def _attack(attack: Attack, address: Address) -> None:
    """Run an attack until the server ends."""
    with contextlib.suppress(ConnectionError, httpx.TransportError):
        attack.run(address)


def _ask(address: Address, problems: list[str]) -> float:
    """Ask for the health of the server; return the seconds that it takes."""
    began = time.monotonic()
    try:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(b"GET /_mock/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            line = connection.recv(65536).partition(b"\r\n")[0].decode()
            if " 200 " not in line and " 503 " not in line:  # 503: there are too many connections
                problems.append(f"health: {line}")
    except OSError as error:
        problems.append(f"health: {error!r}")
    return time.monotonic() - began


def _memory(pid: int) -> float:
    """Resident memory in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _soak(measured: Measured) -> str:
    """Compare the last third of the soak with the second, and describe it."""
    third = len(measured.memory) // 3
    middle, last = max(measured.memory[third : 2 * third]), max(measured.memory[2 * third :])
    most, at_last = (
        max(measured.descriptors[third : 2 * third]),
        max(measured.descriptors[2 * third :]),
    )
    if last > 1.1 * middle:
        measured.problems.append(f"memory grew from {middle:.0f} to {last:.0f} MB")
    if at_last > most + 10:
        measured.problems.append(f"descriptors grew from {most} to {at_last}")
    return (
        f"Most memory in the second and the last third: {middle:.0f} and {last:.0f} MB; most file "
        f"descriptors: {most} and {at_last}. Slowest health request {measured.health:.2f} s; end "
        f"after SIGTERM {measured.end:.2f} s."
    )


def main(run: Callable[[Attack, float], Measured] = measure) -> int:
    """Measure the attacks, write the page; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--soak", type=float, default=600)
    parser.add_argument("names", nargs="*", choices=[[], *ATTACKS], metavar="NAME")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, hard), hard))
    rows, broken = [], False
    for name in options.names or ATTACKS:
        attack = ATTACKS[name]
        measured = run(attack, options.seconds)
        row = (
            f"| {attack.what} | {attack.holds} | {measured.health:.2f} s "
            f"| {max(measured.memory):.0f} MB | {measured.end:.2f} s |"
        )
        print(row, *measured.problems, flush=True)  # noqa: T201 - a script
        rows.append(row)
        broken |= bool(measured.problems)
    if not options.names:
        measured = run(SOAK, options.soak)
        soak = _soak(measured)
        print(soak, *measured.problems, flush=True)  # noqa: T201 - a script
        broken |= bool(measured.problems)
        PAGE.write_text(
            _PAGE.format(
                today=dt.datetime.now(dt.UTC).date(),
                cores=os.cpu_count(),
                python=platform.python_version(),
                seconds=f"{options.seconds:g}",
                health=HEALTH,
                end=END,
                rows="\n".join(rows),
                soak_seconds=f"{options.soak:g}",
                soak=soak,
            ),
            encoding="utf-8",
        )
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
