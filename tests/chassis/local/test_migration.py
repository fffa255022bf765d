"""`make migration` numbers a new file after the last one."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chassis import services
from chassis.local import config, migration

RUFF = Path(sys.executable).with_name("ruff")


def test_the_new_file_follows_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "inventory_svc" / "migrations"
    shutil.copytree(config.ROOT / "inventory_svc" / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migration, "ROOT", tmp_path)
    last = max(path.name[:4] for path in (folder / "versions").glob("0*.py"))
    migration.begin("inventory", "add a column")
    made = folder / "versions" / f"{int(last) + 1:04}_add_a_column.py"
    values = runpy.run_path(str(made))
    assert (values["revision"], values["down_revision"]) == (made.name[:4], last)


@pytest.mark.parametrize("service", services.NAMES)
def test_a_new_file_passes_the_linter_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    folder = tmp_path / f"{service}_svc" / "migrations"
    source = config.ROOT / f"{service}_svc" / "migrations"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(config.ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(migration, "ROOT", tmp_path)
    before = set((folder / "versions").iterdir())
    migration.begin(service, "add a column: what it's for")
    [made] = set((folder / "versions").glob("0*.py")) - before
    for command in (("check",), ("format", "--check", "--diff")):
        ruff = subprocess.run([RUFF, *command, made], cwd=tmp_path, capture_output=True, text=True)  # noqa: S603 - the linter
        assert ruff.returncode == 0, ruff.stdout + ruff.stderr


def test_a_wrong_service_is_told_how_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["migration", "warehouse", "add a column"])
    with pytest.raises(SystemExit, match="usage: make migration SERVICE="):
        migration.main()
