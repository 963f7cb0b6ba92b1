"""``relace-mock verify-server``: the kit as a command.

Imports nothing but ``click`` until it runs, as it is a part of a larger command line.
"""

from __future__ import annotations

import contextlib
import functools
import shlex
import signal
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click

from relace_contract.address import base_url

_Command = TypeVar("_Command", bound=Callable[..., Any])
#: What `pip install relace-mock` alone does not bring.
_EXTRA = ("httpx", "hypothesis", "schemathesis")
_EXAMPLES = 20
#: An argument that names a file.
FILE = click.Path(path_type=Path, dir_okay=False)


def option(name: str, *destination: str, **settings: Any) -> Callable[[_Command], _Command]:
    """A ``click`` option that an environment variable sets too."""
    variable = "RELACE_VERIFY_" + name.removeprefix("--").replace("-", "_").upper()
    settings.setdefault("envvar", variable)
    return click.option(name, *destination, show_envvar=True, show_default=True, **settings)


def kit_options(command: _Command) -> _Command:
    """What every ``verify-`` command takes."""
    for add in reversed(
        [
            option(
                "--only",
                multiple=True,
                metavar="ID",
                help="A check or a family, or several with commas; repeatable.",
            ),
            option(
                "--report",
                "reports",
                multiple=True,
                type=FILE,
                help="File to write: .xml (JUnit), .json or .html; repeatable.",
            ),
            option("--strict", is_flag=True, help="A SHOULD that does not hold is a failure."),
            option("--known-failures", type=FILE, help="File of checks that are known to fail."),
            option("--policy", type=FILE, help="File of the policies that the subject claims."),
            option("--seed", type=int, default=0, help="Of all that is made up."),
            option(
                "--examples",
                type=click.IntRange(min=1),
                default=_EXAMPLES,
                help="Examples that are tried for each property.",
            ),
            option(
                "--timeout",
                type=click.FloatRange(min=0.1),
                default=30.0,
                metavar="SECONDS",
                help="What one check may take.",
            ),
        ]
    ):
        command = add(command)
    return command


@click.command("verify-server")
@click.argument("url")
@option(
    "--api-key",
    envvar=["RELACE_VERIFY_API_KEY", "RELACE_API_KEY"],
    metavar="KEY",
    help="A key that the server knows; without one, one is made up.",
)
@option("--bad-key", metavar="KEY", help="A key that the server does not know.")
@option(
    "--cacert",
    type=FILE,
    help="Certificates to trust, as PEM, for a server with a private one (else: SSL_CERT_FILE).",
)
@option("--live", is_flag=True, help="The live service: few requests, slowly.")
@kit_options
def verify_server(
    url: str,
    **settings: Any,
) -> int:
    """Hold the embed endpoint of a server to the contract.

    URL is its address, as http://127.0.0.1:8080, with or without /v1.

    Exit code 0: all MUSTs hold. 1: some do not. 2: it could not be tried.
    """
    try:
        url = base_url(url)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    checks = usable("relace_contract.server.verify")
    wanted = functools.partial(checks.Wanted, url=url, options=repeated(**settings))
    return reported(
        "server",
        url,
        lambda terms, say: checks.verify(wanted(**terms), say),
        **settings,
    )


def reported(
    subject: str,
    name: str,
    verify: Callable[[dict[str, Any], Callable[[str], None]], Any],
    *,
    reports: tuple[Path, ...],
    known_failures: Path | None,
    policy: Path | None,
    only: tuple[str, ...],
    **terms: Any,
) -> int:
    """Run, write the reports, then show. Gives the exit code; raises ``click.UsageError``.

    ``name`` is what the reports call the ``subject``, a ``server`` or a ``client``. The files of
    the reports are written before the run, too: one that cannot be written is known at once, and
    a run that is killed leaves reports that say so, not those of an earlier run.
    """
    from relace_contract import known_failures as failures  # noqa: PLC0415
    from relace_contract import policy as policies  # noqa: PLC0415
    from relace_contract import reports as written  # noqa: PLC0415
    from relace_contract.finding import CannotRun, Outcome, not_run  # noqa: PLC0415
    from relace_contract.reports import terminal, text  # noqa: PLC0415
    from relace_contract.requirements import requirements, select  # noqa: PLC0415

    names = tuple(name for names in only for name in names.replace(",", " ").split())
    if only and not names:
        raise click.UsageError("--only names no check: write --only NEG, or --only NEG-nan,BIJ")
    try:
        for path in reports:
            written.check_suffix(path)
        asked = [requirements(subject)[one] for one in select(subject, names)]
        terms |= {
            "only": names,
            "known": failures.read(known_failures, subject) if known_failures else frozenset(),
            "policy": policies.read(policy, subject) if policy else None,
        }
        save = functools.partial(written.save, reports)
        save(not_run(name, terms["seed"], asked, "the run did not come to its end"))
        with _stoppable():
            report = verify(terms, lambda line: terminal.write(line, err=True))
    except CannotRun as error:
        with contextlib.suppress(written.CannotWrite):
            save(not_run(name, terms["seed"], asked, str(error)))
        raise click.UsageError(str(error)) from None
    except (ValueError, written.CannotWrite) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise click.UsageError(said) from None
    try:
        save(report)
    except written.CannotWrite as error:
        text.show(report)
        raise click.UsageError(str(error)) from None
    text.show(report)
    if all(result.outcome is Outcome.NOT_CLAIMED for result in report.results):
        raise click.UsageError("nothing was checked: the subject claims none of these checks")
    code: int = report.exit_code
    return code


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM, which is what CI systems send, stop a run as Ctrl-C does."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread: then signals are not ours
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def repeated(
    *,
    policy: Path | None,
    examples: int,
    bad_key: str | None = None,
    cacert: Path | None = None,
    **_: Any,
) -> str:
    """The options without which a finding might not come again. No key is among them."""
    words = ["--cacert", shlex.quote(str(cacert))] if cacert else []
    words += ["--policy", shlex.quote(str(policy))] if policy else []
    if examples != _EXAMPLES:
        words += ["--examples", str(examples)]
    if bad_key:
        words += ["--bad-key", "$RELACE_BAD_KEY"]
    return " ".join(words)


def usable(module: str) -> Any:
    """A module of the kit. Raises ``click.UsageError`` if what the extra brings is missing."""
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise click.UsageError(
            f"the contract kit needs {', '.join(missing)}: pip install 'relace-mock[kit]'"
        )
    return import_module(module)
