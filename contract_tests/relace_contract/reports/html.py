"""A report as one HTML file that can be forwarded: it loads nothing from elsewhere."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from relace_contract.foreign_text import visible
from relace_contract.judgement import Judgement, Report
from relace_contract.reports.badge import LEVELS, reached
from relace_contract.reports.causes import causes
from relace_contract.requirements import titles

_FOLDER = Path(__file__).parent


def render(report: Report) -> str:
    """Return the whole page."""
    style, script = (_own(name) for name in ("page.css", "page.js"))
    subject = report.results[0].requirement.subject if report.results else "server"
    # The policy allows only the script with this hash, so text from a server under test cannot run.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        report=report,
        causes=causes(report),
        families=[
            (family, titles(subject)[family], list(results))
            for family, results in groupby(report.results, lambda one: one.requirement.family)
        ],
        counts=[(one, report.count(one)) for one in Judgement if report.count(one)],
        subject=subject,
        unseen=report.count(Judgement.NOT_RUN),
        today=dt.datetime.now(tz=dt.UTC).date(),
        reached=reached(report),
        meaning=LEVELS.get(reached(report), ""),
        tone=_tone(report),
        style=Markup(style),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704 - as above
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
    )


def _tone(report: Report) -> str:
    if report.red:
        return "fails"
    return "warning" if report.count(Judgement.WARNS) else "holds"


def _own(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        finalize=_shown,
        loader=jinja2.FileSystemLoader(_FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["prose"] = _prose
    environment.filters["css"] = lambda judgement: judgement.value.partition(" ")[0]
    return environment.get_template("page.html.jinja")


def _shown(value: Any) -> Any:
    """Escape what cannot be printed in every text that the template inserts."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _prose(text: str) -> Markup:
    """Escaped text, with the parts in back quotes as ``<code>``."""
    parts = str(escape(visible(text))).split("`")
    return Markup(  # noqa: S704 - escaped above
        "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    )
