"""The documentation as a site: what can be checked without building it. `nox -s site` builds it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def test_every_page_of_the_documentation_is_in_the_navigation_of_the_site() -> None:
    in_navigation = set(re.findall(r"[\w-]+\.md", str(SITE["nav"])))
    made = {"javascript.md", "changelog.md"}
    made |= {"commands.md", "http.md", "scenario-format.md", "checks.md"}
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert pages == in_navigation - made


def test_the_site_loads_no_fonts_from_other_machines() -> None:
    assert SITE["theme"]["font"] is False
