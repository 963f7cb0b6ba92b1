"""Writes the table of ``docs/verify-server.md``: ``python -m tests.kit.page``."""

from __future__ import annotations

from pathlib import Path

from contract_tests.requirements import families

PAGE = Path(__file__).parents[2] / "docs" / "verify-server.md"
MARK = "<!-- the table: python -m tests.kit.page -->\n"


def table() -> str:
    """Every requirement of a server, family by family."""
    lines = ["", "| check | what the contract says | level | label |", "|---|---|---|---|"]
    for family in families("server"):
        lines.append(f"| **{family.id}** | **{family.title}** | | |")
        lines += [
            f"| {one.id} | {one.sentence} | {one.level} | {one.label} |"
            for one in family.requirements
        ]
    return "\n".join([*lines, ""])


def current() -> str:
    """The page as it should be."""
    written, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    return written + mark + table()


if __name__ == "__main__":
    PAGE.write_text(current(), encoding="utf-8")
