"""`make migration` numbers a new file after the last one."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pytest

from chassis.local import config, migration


def test_the_new_file_follows_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "inventory_svc" / "migrations"
    shutil.copytree(config.ROOT / "inventory_svc" / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migration, "ROOT", tmp_path)
    last = max(path.name[:4] for path in (folder / "versions").glob("0*.py"))
    migration.begin("inventory", "add a column")
    made = folder / "versions" / f"{int(last) + 1:04}_add_a_column.py"
    values = runpy.run_path(str(made))
    assert (values["revision"], values["down_revision"]) == (made.name[:4], last)


def test_a_wrong_service_is_told_how_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["migration", "warehouse", "add a column"])
    with pytest.raises(SystemExit, match="usage: make migration SERVICE="):
        migration.main()
