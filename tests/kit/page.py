"""Write the tables of ``docs/verify-server.md`` and ``docs/verify-client.md``.

python -m tests.kit.page
"""

from __future__ import annotations

from pathlib import Path

from relace_contract.requirements import families

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "verify-server.md"
CLIENT_PAGE = DOCS / "verify-client.md"
MARK = "<!-- the table: python -m tests.kit.page -->\n"


def table(subject: str = "server") -> str:
    """Every requirement of a server or client, family by family."""
    lines = ["", "| check | what the contract says | level | label |", "|---|---|---|---|"]
    for family in families(subject):
        lines.append(f"| **{family.id}** | **{family.title}** | | |")
        lines += [
            f"| {one.id} | {one.sentence} | {one.level} | {one.label} |"
            for one in family.requirements
        ]
    return "\n".join([*lines, ""])


def current(page: Path = PAGE) -> str:
    """The page as it should be."""
    written, mark, _ = page.read_text(encoding="utf-8").partition(MARK)
    return written + mark + table("client" if page == CLIENT_PAGE else "server")


if __name__ == "__main__":
    for each in (PAGE, CLIENT_PAGE):
        each.write_text(current(each), encoding="utf-8")
