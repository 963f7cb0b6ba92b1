"""Write the versions of the installed packages into ``constraints.txt``, for this Python.

``nox -s constraints`` runs this script once for each Python, in a fresh environment. In the file,
a package has one line for all Pythons, or one line for each version with a marker for its Pythons.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).parent.parent / "constraints.txt"
HEAD = """\
# The versions that tests, lint, types and build install.
# `nox -s constraints` writes this file; CONTRIBUTING.md says when.
"""
Versions = dict[str, dict[str, str]]  # package -> Python -> version


def read(text: str, pythons: list[str]) -> Versions:
    """Parse a constraints file. A line without a marker holds for all of ``pythons``."""
    versions: Versions = {}
    for line in text.splitlines():
        pin, _, marker = line.partition(";")
        name, _, version = pin.strip().partition("==")
        if version:
            name = re.sub(r"[-_.]+", "-", name).lower()
            for python in re.findall(r'"([\d.]+)"', marker) or pythons:
                versions.setdefault(name, {})[python] = version
    return versions


def write(versions: Versions, pythons: list[str]) -> str:
    """Format a constraints file for ``pythons``."""
    lines = []
    for name, by_python in sorted(versions.items()):
        for version in sorted(set(by_python.values())):
            named = [python for python in pythons if by_python.get(python) == version]
            marker = " or ".join(f'python_version == "{python}"' for python in named)
            if named:
                lines.append(f"{name}=={version}" + ("" if named == pythons else f" ; {marker}"))
    return HEAD + "\n".join(lines) + "\n"


def main(pythons: list[str]) -> None:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    freeze = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    frozen = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout
    versions = read(FILE.read_text() if FILE.exists() else "", pythons)
    for by_python in versions.values():
        by_python.pop(here, None)
    for name, version in read(frozen, [here]).items():
        versions.setdefault(name, {}).update(version)
    FILE.write_text(write(versions, pythons))


if __name__ == "__main__":
    main(sys.argv[1:])
