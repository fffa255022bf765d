"""Postgres finds a folder that its account can reach, as root and as an ordinary user, and changes no folder's mode."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.local import account, place, wheels
from chassis.local.program import Account
from tests import servers

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a process as another account")
as_user = pytest.mark.skipif(os.geteuid() == 0, reason="root runs Postgres as another account")


@pytest.fixture
def home() -> Iterator[Path]:
    with servers.folder() as path:
        yield path


@pytest.fixture
def closed(home: Path) -> Iterator[Path]:
    """A `.local` inside a folder that only root may enter."""
    (home / "root").mkdir(mode=0o700)
    local = home / "root" / ".local"
    local.mkdir()
    yield local
    if (local / "postgres").is_symlink():
        shutil.rmtree((local / "postgres").readlink().parent, ignore_errors=True)


@as_user
def test_an_ordinary_user_runs_it_in_the_folder_itself(home: Path) -> None:
    found = place.find(home)
    assert found.account == Account()
    assert found.data == home / "postgres"


@as_user
def test_an_ordinary_user_needs_no_open_folder(closed: Path) -> None:
    assert place.find(closed).data == closed / "postgres"


@as_root
def test_root_runs_it_as_somebody_else_in_the_folder_itself(home: Path) -> None:
    found = place.find(home)
    assert found.account.uid not in (None, 0)
    assert found.data == home / "postgres"
    assert account.can(found.account, "-x", found.installation / "bin" / "initdb")


@as_root
def test_root_in_a_closed_folder_puts_the_data_elsewhere_and_leaves_the_folder_closed(closed: Path) -> None:
    found = place.find(closed)
    assert found.data.parent.parent == place.ELSEWHERE
    assert (closed / "postgres").readlink() == found.data
    assert stat.S_IMODE(closed.parent.stat().st_mode) == 0o700


@as_root
def test_data_elsewhere_is_found_again(closed: Path) -> None:
    first = place.find(closed)
    first.data.mkdir()
    first.account.give(first.data)
    assert place.find(closed) == first


@as_root
def test_what_a_removed_checkout_left_elsewhere_is_not_taken_for_ours(closed: Path) -> None:
    first = place.find(closed)
    (first.data / "old").mkdir(parents=True)
    (closed / "postgres").unlink()
    assert place.find(closed).fresh


@as_root
def test_data_of_an_ordinary_user_is_served_as_that_user(home: Path) -> None:
    (home / "postgres").mkdir()
    os.chown(home / "postgres", 12345, 12345)
    assert place.find(home).account == Account(12345, 12345)


@as_root
def test_binaries_that_the_account_cannot_run_are_copied(
    home: Path, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = wheels.postgres().parent
    hidden = closed / package.name
    shutil.copytree(package / "pginstall18", hidden / "pginstall18", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, closed / libraries.name)
    monkeypatch.setattr(wheels, "postgres", lambda: hidden / "pginstall18")
    found = place.find(home)
    assert found.installation.is_relative_to(home)
    assert account.can(found.account, "-x", found.installation / "bin" / "postgres")
