"""A report as JUnit's XML, which CI systems show: a suite for each family."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import groupby

from relace_contract.finding import Outcome, Report, Result
from relace_contract.reports.text import finding_lines

_SKIPPED = {Outcome.NOT_CLAIMED, Outcome.KNOWN}


def render(report: Report) -> str:
    """``failure`` for what makes the run fail, ``skipped`` for what is not claimed or known."""
    root = ET.Element("testsuites", {"name": _plain(report.subject), **_counts(report.results)})
    for family, group in groupby(report.results, key=lambda one: one.requirement.family):
        results = list(group)
        suite = ET.SubElement(root, "testsuite", {"name": family, **_counts(results)})
        for result in results:
            _case(suite, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(results: list[Result] | tuple[Result, ...]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(result.outcome.red for result in results)),
        "errors": "0",
        "skipped": str(sum(result.outcome in _SKIPPED for result in results)),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _case(suite: ET.Element, result: Result) -> None:
    asked = result.requirement
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"contract.{asked.subject}.{asked.family}",
        name=asked.id,
        time=f"{result.seconds:.3f}",
    )
    details = _plain("\n".join(finding_lines(result)))
    if result.outcome.red:
        message = result.findings[0].problem if result.findings else result.outcome.value
        ET.SubElement(case, "failure", message=_plain(message)).text = details
    elif result.outcome in _SKIPPED:
        ET.SubElement(case, "skipped", message=_plain(result.note or result.outcome.value))
    elif result.findings:
        ET.SubElement(case, "system-out").text = details


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(
        char
        if char in "\n\t"
        or " " <= char < "\ud800"
        or "\ue000" <= char < "\ufffe"
        or char > "\uffff"
        else f"\\x{ord(char):02x}"
        for char in text
    )
