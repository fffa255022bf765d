"""The version of the product that runs."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTION = "one-stock"
PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
"""In a checkout it is beside the packages; an installation does not have it."""


def name() -> str:
    """The version in the checkout's pyproject.toml, otherwise that of the installed package; "0" without either."""
    try:
        project = tomllib.loads(PROJECT.read_text())["project"]
        if project["name"] == DISTRIBUTION:
            return str(project["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        pass
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
