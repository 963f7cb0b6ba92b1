"""A report as JUnit XML, which CI systems show, with a suite for each family."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import groupby

from relace_contract.foreign_text import visible
from relace_contract.judgement import Judgement, Report, Result
from relace_contract.reports.text import breach_lines

_SKIPPED = {Judgement.NOT_CLAIMED, Judgement.KNOWN}


def render(report: Report) -> str:
    """Return the XML: ``failure`` for a check that makes the run fail.

    An unclaimed check and a known failure are ``skipped``; a check that an incomplete run did not
    reach is an ``error``.
    """
    root = ET.Element("testsuites", {"name": visible(report.subject), **_counts(report.results)})
    for family, group in groupby(report.results, key=lambda one: one.requirement.family):
        results = list(group)
        suite = ET.SubElement(root, "testsuite", {"name": family, **_counts(results)})
        for result in results:
            _case(suite, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(results: list[Result] | tuple[Result, ...]) -> dict[str, str]:
    unseen = sum(result.judgement is Judgement.NOT_RUN for result in results)
    return {
        "tests": str(len(results)),
        "failures": str(sum(result.judgement.red for result in results) - unseen),
        "errors": str(unseen),
        "skipped": str(sum(result.judgement in _SKIPPED for result in results)),
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
    details = visible("\n".join(breach_lines(result)))
    if result.judgement is Judgement.NOT_RUN:
        ET.SubElement(case, "error", message=visible(result.note))
    elif result.judgement.red:
        message = result.breaches[0].problem if result.breaches else result.judgement.value
        ET.SubElement(case, "failure", message=visible(message)).text = details
    elif result.judgement in _SKIPPED:
        ET.SubElement(case, "skipped", message=visible(result.note or result.judgement.value))
    elif result.breaches:
        ET.SubElement(case, "system-out").text = details
    elif result.note:
        ET.SubElement(case, "system-out").text = visible(result.note)
