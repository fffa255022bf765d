"""`python -m tests.fuzz [rpc|rest]`: one side, or both one after the other. Exits with 1 if there are findings."""

from __future__ import annotations

import sys
from importlib import import_module

from tests.fuzz import config

SIDES = ("rpc", "rest")


def main() -> None:
    """Each side has a `run` module, whose `main` returns the number of its findings."""
    wanted = sys.argv[1:] or list(SIDES)
    if not set(wanted) <= set(SIDES):
        raise SystemExit(f"python -m tests.fuzz [{'|'.join(SIDES)}]")
    settings = config.load()
    findings = sum(import_module(f"tests.fuzz.{side}.run").main(settings) for side in wanted)
    raise SystemExit(1 if findings else 0)


if __name__ == "__main__":
    main()
