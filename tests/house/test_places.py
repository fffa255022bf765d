"""House rules of the tree: a README in each folder, and no trace of a single machine."""

from __future__ import annotations

import re

from tests.house import tree

TELL_OF_THEMSELVES = (*tree.PRODUCT, "chassis/gate", "protos", "gen", "tests")
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:work|root|home|Users)/|(?<![\w.}])/tmp/[a-z]\b")
REGISTRY_HOST = re.compile(r"https?://[^\s\"'<>]*(?:pypi|pythonhosted|artifactory|registry|mirror|/simple\b)")
FROM_AN_INDEX = re.compile(r"\b(?:pip3?|pipx|uv|poetry)\s+(?:\w+\s+)*(?:-\S+\s+)*['\"]?one[-_]stock")
"""The packages are on no public index: a package that claims the name there would be installed."""
CONSTRAINT = re.compile(r"\bCONSTRAINT\s+(?!IF\b)\"?(\w+)")
CONSTRAINT_UNDERSCORES = 2


def test_folders_have_a_readme_that_says_what_they_own() -> None:
    broken = [folder for folder in TELL_OF_THEMSELVES if not (tree.ROOT / folder / "README.md").is_file()]
    tree.holds("write its README.md", [f"{folder}/README.md:1" for folder in broken])


def test_no_file_knows_a_path_of_one_machine() -> None:
    tree.holds("read the path from its source", _lines_with(MACHINE_PATH))


def test_no_file_names_a_package_registry() -> None:
    tree.holds("the user's pip knows its registry", _lines_with(REGISTRY_HOST))


def test_no_document_asks_an_index_for_a_package_of_ours() -> None:
    tree.holds("install from a checkout: pip install '.[kafka]', pip install ./gen", _lines_with(FROM_AN_INDEX))


def test_names_of_constraints_are_sentences() -> None:
    """A violation explains itself: `reserved_not_negative`."""
    broken = []
    for path in (*tree.files(".py"), *tree.files(".sql")):
        if path.startswith("tests/"):
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            broken += [f"{path}:{number}: {name}" for name in CONSTRAINT.findall(line) if not _is_sentence(name)]
    tree.holds("name the rule that the constraint enforces", broken)


def test_checks_and_keys_over_columns_have_names() -> None:
    """An unnamed CHECK is named by Postgres after its column, which explains nothing."""
    broken = []
    for path in tree.files(".py"):
        if "/migrations/versions/" not in path:
            continue
        found = re.finditer(r"(?:CONSTRAINT\s+\w+\s+)?\bCHECK\s*\(", tree.text(path))
        for check in found:
            if not check[0].startswith("CONSTRAINT"):
                broken.append(f"{path}:{tree.text(path).count(chr(10), 0, check.start()) + 1}")
    tree.holds("name the CHECK", broken)


def _is_sentence(name: str) -> bool:
    return name.count("_") >= CONSTRAINT_UNDERSCORES


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {found[0]}"
        for path in tree.files()
        for number, line in enumerate(tree.text(path).splitlines(), 1)
        if (found := pattern.search(line))
    ]
