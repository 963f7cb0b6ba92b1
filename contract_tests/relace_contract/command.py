"""``relace-mock verify-server``: the kit as a command.

Imports nothing but ``click`` until it runs, as it is a part of a larger command line.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])
#: What `pip install relace-mock` alone does not bring.
_EXTRA = ("httpx", "hypothesis", "schemathesis")
_EXAMPLES = 20
_FILE = click.Path(path_type=Path, dir_okay=False)


def option(name: str, *destination: str, **settings: Any) -> Callable[[_Command], _Command]:
    """A ``click`` option that an environment variable sets too."""
    variable = "RELACE_MOCK_" + name.removeprefix("--").replace("-", "_").upper()
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
                type=_FILE,
                help="File to write: .xml (JUnit), .json or .html; repeatable.",
            ),
            option("--strict", is_flag=True, help="A SHOULD that does not hold is a failure."),
            option("--known-failures", type=_FILE, help="File of checks that are known to fail."),
            option("--policy", type=_FILE, help="File of the policies that the subject claims."),
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
    envvar=["RELACE_API_KEY", "RELACE_MOCK_API_KEY"],
    metavar="KEY",
    help="A key that the server knows; without one, one is made up.",
)
@option("--bad-key", metavar="KEY", help="A key that the server does not know.")
@option("--live", is_flag=True, help="The live service: few requests, slowly.")
@kit_options
def verify_server(
    url: str,
    **settings: Any,
) -> int:
    """Hold the embed endpoint of a server to the contract. URL ends in /v1.

    Exit code 0: all MUSTs hold. 1: some do not. 2: it could not be tried.
    """
    _check_url(url)
    checks = usable("relace_contract.server.verify")
    wanted = functools.partial(checks.Wanted, url=url.rstrip("/"), options=repeated(**settings))
    return reported(
        "server",
        lambda terms, say: checks.verify(wanted(**terms), say),
        **settings,
    )


def reported(
    subject: str,
    verify: Callable[[dict[str, Any], Callable[[str], None]], Any],
    *,
    reports: tuple[Path, ...],
    known_failures: Path | None,
    policy: Path | None,
    only: tuple[str, ...],
    **terms: Any,
) -> int:
    """Run, show and write a report. Gives the exit code; raises ``click.UsageError``."""
    from relace_contract import known_failures as failures  # noqa: PLC0415
    from relace_contract import policy as policies  # noqa: PLC0415
    from relace_contract import reports as written  # noqa: PLC0415
    from relace_contract.finding import CannotRun  # noqa: PLC0415
    from relace_contract.reports import text  # noqa: PLC0415

    try:
        for path in reports:
            written.check_suffix(path)
        terms["only"] = tuple(name for names in only for name in names.replace(",", " ").split())
        terms["known"] = failures.read(known_failures, subject) if known_failures else frozenset()
        terms["policy"] = policies.read(policy, subject) if policy else None
        report = verify(terms, lambda line: click.echo(line, err=True))
        text.show(report)
        for path in reports:
            written.write(report, path)
    except (ValueError, CannotRun) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}") from None
    code: int = report.exit_code
    return code


def repeated(*, policy: Path | None, examples: int, bad_key: str | None = None, **_: Any) -> str:
    """The options without which a finding might not come again. No key is among them."""
    words = ["--policy", shlex.quote(str(policy))] if policy else []
    if examples != _EXAMPLES:
        words += ["--examples", str(examples)]
    if bad_key:
        words += ["--bad-key", "$RELACE_BAD_KEY"]
    return " ".join(words)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.UsageError(f"URL must be like http://127.0.0.1:8080/v1, not {url!r}")
    if parts.username or parts.password:
        raise click.UsageError("URL must not hold a user or a password: use --api-key")
    if not parts.path.rstrip("/").endswith("/v1") or parts.query or parts.fragment:
        raise click.UsageError(
            f"URL must end in /v1, as RELACE_BASE_URL does: {parts.scheme}://{parts.netloc}/v1?"
        )


def usable(module: str) -> Any:
    """A module of the kit. Raises ``click.UsageError`` if what the extra brings is missing."""
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise click.UsageError(
            f"the contract kit needs {', '.join(missing)}: pip install 'relace-mock[kit]'"
        )
    return import_module(module)
