"""Write a report to files; the suffix of the file chooses JUnit XML, JSON or HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from relace_contract.judgement import Report
from relace_contract.reports import as_json, html, junit

FORMATS: dict[str, Callable[[Report], str]] = {
    ".xml": junit.render,
    ".json": as_json.render,
    ".html": html.render,
}


class CannotWrite(Exception):  # noqa: N818 - says it all
    """A report cannot be written; the text is one line that says which one, and why."""


def check_suffix(path: Path) -> None:
    """Raise ``ValueError`` if the suffix of a file names no format of reports."""
    if path.suffix.lower() not in FORMATS:
        raise ValueError(
            f"{path}: unknown kind of report; end the name in .xml (JUnit), .json or .html"
        )


def save(paths: Iterable[Path], report: Report) -> None:
    """Write a report to every path. Raises ``CannotWrite`` at the end if any of them failed."""
    problems: list[str] = []
    for path in paths:
        content = FORMATS[path.suffix.lower()](report)
        try:
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            problems.append(f"cannot write the report {path}: {error.strerror}")
    if problems:
        raise CannotWrite("; ".join(problems))
