"""One run from the command line: read the files, run, write the reports, print."""

from __future__ import annotations

import contextlib
import functools
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from relace_contract.counts import counted

#: Packages that `pip install relace-mock` does not install, but the extra `kit` does.
_EXTRA = ("httpx", "hypothesis", "jinja2", "schemathesis")

#: The form of Relace's API keys.
_KEY = re.compile(r"rlc-[0-9A-Za-z]{32}")


def usable(module: str) -> Any:
    """Import a module of the kit. Raises ``click.UsageError`` if packages it needs are missing."""
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise click.UsageError(
            f"the contract kit needs {', '.join(missing)}: pip install 'relace-mock[kit]'"
        )
    return import_module(module)


def refused(reason: object) -> click.UsageError:
    """The error that ends a command with one line and exit code 2. API keys are taken out."""
    from relace_contract.foreign_text import on_one_line  # noqa: PLC0415

    return click.UsageError(_KEY.sub("rlc-…", on_one_line(str(reason))))


def listed(subject: str, only: tuple[str, ...]) -> int:
    """Print the checks of ``server`` or ``client``."""
    from relace_contract.reports.terminal import write  # noqa: PLC0415
    from relace_contract.requirements import families, select  # noqa: PLC0415

    try:
        chosen = set(select(subject, _names(only)))
    except ValueError as error:
        raise refused(error) from None
    for family in families(subject):
        asked = [one for one in family.requirements if one.id in chosen]
        if asked:
            write(f"{family.id}  {family.title}", bold=True)
        for one in asked:
            write(f"  {one.id:<20} {one.level:<7} {one.label:<11} {one.sentence}")
    return 0


@dataclass(frozen=True, slots=True)
class _Files:
    """The files that a run writes."""

    reports: tuple[Path, ...]
    known_failures: Path | None
    badge: Path | None

    def check(self, names: tuple[str, ...]) -> None:
        """Raise ``ValueError`` for a file that cannot be written, before anything is run."""
        from relace_contract.files import check_writable  # noqa: PLC0415
        from relace_contract.reports import check_suffix  # noqa: PLC0415

        for path in self.reports:
            check_suffix(path)
        if self.badge is not None and self.badge.suffix.lower() != ".svg":
            raise ValueError(f"--badge {self.badge} must end in .svg")
        if self.badge is not None and names:
            raise ValueError("--badge needs the whole run: leave out --only")
        pipes = [path for path in self.reports if path.is_fifo()]  # opening one would block
        for written in (*pipes, self.known_failures, self.badge):
            if written is not None:
                check_writable(written)

    def write(self, report: Any, known: Any) -> list[str]:
        """Write every file; return a line about each. Raises ``CannotWrite`` or ``OSError``."""
        from relace_contract.reports import badge, save  # noqa: PLC0415
        from relace_contract.reports import known as known_list  # noqa: PLC0415

        save(self.reports, report)
        lines = [f"written: {path}" for path in self.reports]
        if self.known_failures is not None and not report.incomplete:
            count = known_list.write(self.known_failures, report, known)
            lines.append(f"written: {self.known_failures}, {counted(count, 'known failure')}")
        if self.badge is not None and not report.incomplete:
            badge.write(self.badge, report)
            lines.append(f"written: {self.badge}")
        return lines


def reported(
    subject: str,
    name: str,
    verify: Callable[[dict[str, Any], Callable[[str], None]], Any],
    *,
    reports: tuple[Path, ...],
    known_failures: Path | None,
    write_known_failures: Path | None,
    badge: Path | None,
    policy: Path | None,
    only: tuple[str, ...],
    verbose: bool,
    hide: Callable[[Any], Any] = lambda value: value,
    **options: Any,
) -> int:
    """Run the checks, write the reports, and show the findings; return the exit code.

    ``subject`` is ``server`` or ``client``, ``name`` its name in an incomplete report. Reports are
    also written before the run: a file that cannot be written is found at once, and a run that is
    killed leaves reports that say so, not those of an earlier run. ``hide`` takes keys out of a
    text or a report. Raises ``click.UsageError``.
    """
    from relace_contract import known_failures as failures  # noqa: PLC0415
    from relace_contract import policy as policies  # noqa: PLC0415
    from relace_contract import reports as written  # noqa: PLC0415
    from relace_contract.judgement import CannotRun, not_run  # noqa: PLC0415
    from relace_contract.reports import terminal  # noqa: PLC0415
    from relace_contract.requirements import requirements, select  # noqa: PLC0415

    names, seed = _names(only), options["seed"]
    files = _Files(reports, write_known_failures, badge)
    save = functools.partial(written.save, reports)
    name = hide(name)
    try:
        files.check(names)
        asked = [requirements(subject)[one] for one in select(subject, names)]
        known = (
            failures.read(known_failures, subject) if known_failures else failures.KnownFailures()
        )
        options |= {
            "only": names,
            "known": known,
            "policy": policies.read(policy, subject) if policy else None,
        }
        save(not_run(name, seed, asked, "the run was interrupted before it finished"))
        with _stoppable():
            report = verify(options, lambda line: terminal.write(hide(line), err=True))
    except CannotRun as error:
        with contextlib.suppress(written.CannotWrite):
            save(not_run(name, seed, asked, hide(str(error))))
        raise refused(hide(str(error))) from None
    except (ValueError, written.CannotWrite) as error:
        raise refused(hide(str(error))) from None
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise refused(hide(said)) from None
    return _finished(subject, report, files, known, verbose=verbose)


def _finished(subject: str, report: Any, files: _Files, known: Any, *, verbose: bool) -> int:
    """Write and show the report of a run; return the exit code."""
    from relace_contract.judgement import Judgement  # noqa: PLC0415
    from relace_contract.reports import CannotWrite, text  # noqa: PLC0415

    try:
        lines = files.write(report, known)
    except (CannotWrite, OSError) as error:
        text.show(report, verbose=verbose)
        raise refused(error) from None
    if report.exit_code == 1 and files.known_failures is None:
        lines.append(
            "next: --write-known-failures FILE lists these failures; with --known-failures FILE, "
            "later runs fail only for new ones"
        )
    text.show(report, verbose=verbose, ending=lines)
    if all(result.judgement is Judgement.NOT_CLAIMED for result in report.results):
        raise refused(f"nothing was checked: the {subject} claims none of the selected checks")
    code: int = report.exit_code
    return code


def _names(only: tuple[str, ...]) -> tuple[str, ...]:
    """The names in ``--only``. Raises ``click.UsageError`` if it is given without any name."""
    names = tuple(name for words in only for name in words.replace(",", " ").split())
    if only and not names:
        raise click.UsageError("--only names no check: write --only NEG, or --only NEG-nan,BIJ")
    return names


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM, which CI systems send, stop a run as Ctrl-C does."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # only the main thread can handle signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
