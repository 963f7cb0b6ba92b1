"""Load generation with wrk (https://github.com/wg/wrk, ``apt install wrk``), a well-known tool."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import texts


@dataclass(frozen=True)
class Load:
    """The results of one run: requests a second, and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


_WRK = """
local folder, first, count = "%s", %d, %d
local templates, number = {}, first
for i = 1, count do
    local file = io.open(folder .. "/" .. i, "rb")
    local parts, text = {}, file:read("*a")
    for part in (text .. "\\0"):gmatch("([^%%z]*)%%z") do parts[#parts + 1] = part end
    file:close()
    templates[i] = parts
end
wrk.headers["Authorization"] = "Bearer rlc-benchmark"
wrk.headers["Content-Type"] = "application/json"
request = function()
    number = number + 1
    local body = table.concat(templates[number %% count + 1], tostring(number))
    return wrk.format("POST", "/v1/code/embed", nil, body)
end
done = function(summary, latency)
    local errors = summary.errors
    print(string.format('{"requests": %%d, "us": %%d, "p50": %%f, "p99": %%f, "errors": %%d}',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def run(
    port: int,
    templates: list[texts.Template],
    connections: int,
    seconds: int,
    *,
    keep_alive: bool = True,
) -> Load:
    """Send requests made from the templates over all connections, for ``seconds`` seconds.

    Without ``keep_alive`` each request opens a new connection.
    """
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: install it (Debian: apt install wrk)")
    with TemporaryDirectory() as folder:
        for index, template in enumerate(templates, 1):
            (Path(folder) / str(index)).write_bytes(b"\0".join(template))
        script = Path(folder) / "load.lua"
        first = next(texts.numbers) + (time.time_ns() // 1000) % 10**12 * 1000
        script.write_text(_WRK % (folder, first, len(templates)))
        close = [] if keep_alive else ["-H", "Connection: close"]
        command = ["wrk", *close, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
        address = f"http://127.0.0.1:{port}"
        out = subprocess.run([*command, address], capture_output=True, text=True, check=True).stdout
    result = json.loads(out.splitlines()[-1])
    if result["errors"]:
        raise RuntimeError(out)
    rate = result["requests"] / result["us"] * 1e6
    return Load(rate, result["p50"] / 1e3, result["p99"] / 1e3)
