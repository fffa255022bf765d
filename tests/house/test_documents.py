"""House rules of the documents: decisions have a form, tables show what was measured, links lead somewhere."""

from __future__ import annotations

import re

import pytest

from tests import measurements
from tests.house import tree

README_WORDS = 800
"""The front page: what, a picture, two commands, sell one, the tree, where to read on."""
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)")
PARTS = ("Date: ", "Status: ", "## Context", "## Decision", "## Consequence")


def test_every_decision_has_date_status_context_decision_and_consequence() -> None:
    files = [path for path in tree.files(".md") if re.match(r"docs/decisions/\d{4}-", path)]
    broken = [f"{path}:1: no {part!r}" for path in files for part in PARTS if part not in tree.text(path)]
    tree.holds("write the part", broken)
    assert files


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    files = sorted(path.rsplit("/", 1)[1] for path in tree.files(".md") if re.match(r"docs/decisions/\d{4}-", path))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    index = tree.text("docs/decisions/README.md")
    tree.holds(
        "list the decision in README.md", [f"docs/decisions/{name}:1" for name in files if f"({name})" not in index]
    )


def test_tables_show_what_was_measured() -> None:
    tree.holds("run make measurements", [f"{path}:1: old figures" for path in measurements.stale()])


@pytest.mark.parametrize("name", sorted(measurements.TABLES))
def test_every_table_has_a_document(name: str) -> None:
    assert any(f"<!-- table: {name} -->" in tree.text(path) for path in measurements.DOCUMENTS)


def test_the_front_page_stays_short() -> None:
    assert len(tree.text("README.md").split()) <= README_WORDS


def test_links_between_documents_lead_to_a_file() -> None:
    broken = []
    for path in tree.files(".md"):
        folder = (tree.ROOT / path).parent
        broken += [f"{path}:1: {link}" for link in LINK.findall(tree.text(path)) if not (folder / link).exists()]
    tree.holds("mend the link", broken)


def test_contributing_names_files_that_are_there() -> None:
    named = re.findall(r"`([\w./-]+/[\w./-]*)`", tree.text("CONTRIBUTING.md"))
    broken = [f"CONTRIBUTING.md:1: {name}" for name in named if not (tree.ROOT / name).exists()]
    tree.holds("name files that are there", broken)
