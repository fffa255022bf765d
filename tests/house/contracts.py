"""`python -m tests.house.contracts`: checks who imports whom, by contracts.toml and the registry of services."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from importlinter.cli import lint_imports

from chassis import services
from tests.house import tree

TEMPLATE = Path(__file__).with_name("contracts.toml")
PLACE = re.compile(r"\{services(?::([\w ]+))?\}")


def contracts() -> str:
    """The contracts with the services, and those of the rooms that a service has, in their places."""
    return PLACE.sub(lambda found: _modules((found[1] or "").split()), TEMPLATE.read_text(encoding="utf-8"))


def _modules(rooms: list[str]) -> str:
    packages = sorted(service.package for service in services.SERVICES)
    named = [f"{package}.{room}" for package in packages for room in rooms if _is_there(package, room)]
    return ", ".join(f'"{name}"' for name in (named if rooms else packages))


def _is_there(package: str, room: str) -> bool:
    return (tree.ROOT / package / room).is_dir() or (tree.ROOT / package / f"{room}.py").is_file()


def main() -> int:
    """Prints what import-linter found; 1 when a contract is broken."""
    sys.path.insert(0, str(tree.ROOT))
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
        file.write(contracts())
        file.flush()
        return lint_imports(config_filename=file.name)


if __name__ == "__main__":
    sys.exit(main())
