"""The command ``relace-mock``, also as ``python -m relace_mock``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run a command. A signal that stops ``serve`` gives exit code 0 even while it starts."""
    if sys.argv[1:2] == ["serve"]:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: os._exit(0))
    from relace_mock.cli import main as command  # noqa: PLC0415 - its imports take long

    command()


if __name__ == "__main__":
    main()
