"""mkdocs hook: show the Markdown files of the repository as a site, unchanged.

Some pages are made from the program (``site_reference``). The other files are written to be read
in the repository, too, so three things need translation:

* Links that leave ``docs``. A page of the site is linked as such. Any other file is copied into the
  site, below ``files``. The link to a folder becomes plain text. A target that does not exist fails
  the strict build.
* Pages that lie outside ``docs`` (``ELSEWHERE``).
* Code blocks with a file name: ```` ```python test_client.py ```` becomes a block with a title.
"""

from __future__ import annotations

import logging
import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import site_reference

ROOT = Path(__file__).parent.parent
ELSEWHERE = {"javascript.md": "clients/javascript/README.md", "changelog.md": "CHANGELOG.md"}
PAGES = {"README.md": "index.md", **{source: page for page, source in ELSEWHERE.items()}}
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
FENCE = re.compile(r"^( *```)(\w+) ([\w./-]+)$", re.MULTILINE)
log = logging.getLogger("mkdocs.hooks.site_pages")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for page, written in site_reference.PAGES.items():
        files.append(File.generated(config, page, content=written()))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = page.file.src_uri
    folder = posixpath.dirname(ELSEWHERE.get(here, f"docs/{here}"))

    def translated(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link["target"]))
        target = PAGES.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
        if target is None:
            if (ROOT / path).is_dir():
                return link["text"]
            if not (ROOT / path).is_file():
                log.warning("%s links to %s, which does not exist", here, link["target"])
                return link["text"]
            target = f"files/{path}"
            # A Markdown file is copied as text: it is no page of the site.
            target = re.sub(r"\.md$", ".txt", target)
            if files.get_file_from_path(target) is None:
                files.append(File.generated(config, target, abs_src_path=str(ROOT / path)))
        target = posixpath.relpath(target, posixpath.dirname(here) or ".")
        return f"[{link['text']}]({target}{link['anchor'] or ''})"

    return FENCE.sub(r'\1\2 title="\3"', LINK.sub(translated, markdown))
