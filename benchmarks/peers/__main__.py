"""Measure relace-mock beside other mock servers, all in one run.

    python benchmarks/peers --install            # npm installs the others into .nox/peers
    python benchmarks/peers [--rounds 5] [--seconds 2]

Each server gives the same answer: 32 vectors of 2560 numbers. Servers run in turns within each
round, on one core; the load generator (wrk) has another. relace-mock runs twice: the difference of
the two is the noise. A second part tests whether the scriptable servers keep the promises that
relace-mock makes. The tables go into docs/peers.md. Servers that are not installed are skipped, and
named.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import http.client
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import promises  # noqa: E402 - these lie beside this script
import servers  # noqa: E402
import subjects as known  # noqa: E402
import texts  # noqa: E402
from subjects import Subject  # noqa: E402

PAGE = HERE.parent.parent / "docs" / "peers.md"
BODY = texts.body([f"def f{number}(): return {number}" for number in range(32)])
HEADERS = {"Authorization": "Bearer rlc-peers", "Content-Type": "application/json"}
CONNECTIONS = 8
_STARTS_IN = 60.0


class Running(NamedTuple):
    """A running server: its port, its process, and the seconds until its first answer."""

    port: int
    process: subprocess.Popen[bytes]
    took: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="let npm install the others first")
    parser.add_argument("--folder", type=Path, default=HERE.parent.parent / ".nox" / "peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.install:
        install(arguments.folder)
    servers.pin(1)
    subjects = known.subjects(known.Answer(answer()), arguments.folder)
    there = [subject for subject in subjects if not known.missing(subject)]
    skipped = [
        f"{subject.name} is skipped: {', '.join(lacks)} is not installed"
        for subject in subjects
        if (lacks := known.missing(subject))
    ]
    speed = "\n".join([*measured(there, arguments), *(f"\n{line}." for line in skipped)])
    kept = promises.table(there)
    print(speed, kept, sep="\n\n")
    tables = {"machine": described(arguments.folder), "speed": speed, "promises": kept}
    text = PAGE.read_text()
    for name, table in tables.items():
        between = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text = re.sub(
            between,
            lambda marks, table=table: f"{marks[1]}{table}\n{marks[2]}",
            text,
            flags=re.DOTALL,
        )
    PAGE.write_text(text)


def install(folder: Path) -> None:
    """Let npm install the other servers in the versions of package.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_bytes((HERE / "package.json").read_bytes())
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=folder, check=True)


def described(folder: Path) -> str:
    """The day, the machine and the versions."""
    asked = json.loads((HERE / "package.json").read_text())["dependencies"]
    there = [
        f"{name} {version}"
        for name, version in asked.items()
        if (folder / "node_modules" / name).is_dir()
    ]
    return f"{dt.datetime.now(dt.UTC).date()}, {servers.machine()}. Versions: {', '.join(there)}."


def answer() -> bytes:
    """The answer of relace-mock, which all other servers send, too."""
    with servers.started(servers.mock()) as (port, _):
        return servers.post(port, BODY)


@contextlib.contextmanager
def running(subject: Subject) -> Iterator[Running]:
    """Run a server on the first core until the block ends."""
    port = servers.free_port()
    with TemporaryDirectory() as name:
        begun = time.perf_counter()
        process = subprocess.Popen(
            subject.command(Path(name), port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=known.environment(),
            cwd=name,
            preexec_fn=lambda: servers.pin(0),
        )
        try:
            while status(port, subject.path) != 200:
                if process.poll() is not None or time.perf_counter() > begun + _STARTS_IN:
                    raise SystemExit(f"{subject.name} did not start: {process.args}")
                time.sleep(0.005)
            yield Running(port, process, time.perf_counter() - begun)
        finally:
            process.terminate()
            process.wait()


def status(port: int, path: str) -> int:
    """The status of a request; 0 without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, BODY, HEADERS)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
    return response.status


def measured(subjects: list[Subject], arguments: argparse.Namespace) -> list[str]:
    """The table of speed: start, requests a second, latency and memory."""
    figures: dict[str, list[tuple[float, float, float, float]]] = {s.name: [] for s in subjects}
    order = list(subjects)
    for number in range(arguments.rounds):
        for subject in order:
            print(f"round {number + 1} of {arguments.rounds}: {subject.name}", file=sys.stderr)
            with running(subject) as server:
                wrk(server.port, subject, 1)  # warm-up
                rate, slowest = wrk(server.port, subject, arguments.seconds)
                figures[subject.name].append((server.took, rate, slowest, memory(server.process)))
        order.reverse()
    lines = [
        "| server | start, s | requests/s | to relace-mock | p99, ms | memory, MB |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    floor = [round_[1] for round_ in figures[subjects[0].name]]
    for name, rounds in figures.items():
        took, rate, slowest, size = (
            statistics.median(column) for column in zip(*rounds, strict=True)
        )
        ratios = [each[1] / mine for each, mine in zip(rounds, floor, strict=True)]
        lines.append(
            f"| {name} | {took:.2f} | {rate:,.0f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) "
            f"| {slowest:.0f} | {size:.0f} |"
        )
    return lines


def wrk(port: int, subject: Subject, seconds: int) -> tuple[float, float]:
    """Requests a second, and the 99th percentile of the latency in milliseconds."""
    with TemporaryDirectory() as name:
        script = Path(name) / "load.lua"
        lines = [f'wrk.headers["{field}"] = "{value}"' for field, value in HEADERS.items()]
        lines += ['wrk.method = "POST"', f"local body = [[{BODY.decode()}]]", "wrk.body = body"]
        if subject.unseen:
            lines += ["local number = os.time() * 1e6", "request = function()"]
            lines += ["number = number + 1"]
            lines += ['local new = body:gsub("def f", string.format("def f%d_", number))']
            lines += ["return wrk.format(nil, nil, nil, new)"]
            lines += ["end"]
        lines += ["done = function(summary, latency)", "local e = summary.errors"]
        lines += ["print(summary.requests / summary.duration * 1e6, latency:percentile(99) / 1e3,"]
        lines += ["e.connect + e.read + e.write + e.status + e.timeout)", "end"]
        script.write_text("\n".join(lines))
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "60s"]
        command += ["-s", str(script)]
        url = f"http://127.0.0.1:{port}{subject.path}"
        out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    rate, slowest, errors = out.splitlines()[-1].split()
    if float(errors):
        raise SystemExit(f"{url}: {errors} requests failed")
    return float(rate), float(slowest)


def memory(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of a process and its descendants, in MB."""
    pids, total = [process.pid], 0.0
    while pids:
        pid = pids.pop()
        text = Path(f"/proc/{pid}/status").read_text()
        total += int(text.split("VmRSS:")[1].split()[0]) / 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return total


if __name__ == "__main__":
    main()
