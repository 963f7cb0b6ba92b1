"""A report for people, for machines, and to be forwarded: the suffix of the file chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from relace_contract.finding import Report
from relace_contract.reports import as_json, html, junit

FORMATS: dict[str, Callable[[Report], str]] = {
    ".xml": junit.render,
    ".json": as_json.render,
    ".html": html.render,
}


def check_suffix(path: Path) -> None:
    """Raise ``ValueError`` for a file of a form that is not known."""
    if path.suffix.lower() not in FORMATS:
        raise ValueError(
            f"{path} must end in .xml (JUnit), .json or .html, which chooses the form of the report"
        )


def write(report: Report, path: Path) -> None:
    """Write a report. Raises ``OSError``."""
    content = FORMATS[path.suffix.lower()](report)
    path.write_text(content, encoding="utf-8", errors="backslashreplace")
