"""Time `search` and `embed` on Python's standard library, each run as a command.

python benchmarks/offline.py
"""

import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path


def seconds(*arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "relace_mock", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - begun


if __name__ == "__main__":
    library = Path(sysconfig.get_paths()["stdlib"])
    patterns = [
        str(path)
        for path in sorted(library.iterdir())
        if path.suffix == ".py" or (path.is_dir() and path.name not in ("test", "site-packages"))
    ]
    files = [word for pattern in patterns for word in ("--file", pattern)]
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("npz", "jsonl"):
            output = str(Path(folder) / f"vectors.{ending}")
            print(f"embed --output {ending}: {seconds('embed', *files, '--output', output):.1f} s")
    print(f"search: {seconds('search', 'parse a cookie header', *patterns):.1f} s")
