"""Chooses the account for the embedded Postgres, which refuses to run as root, and checks which paths it can reach.

It never changes the mode or the owner of a folder that it did not create.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

from chassis.local.errors import CannotStart
from chassis.local.program import Account


def for_postgres(data: Path) -> Account:
    """The current account; for root, the owner of existing data, otherwise `nobody`."""
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise CannotStart(f"{data} belongs to another account: run as that account, or remove it to start afresh")
        return Account()
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise CannotStart(
            "Postgres refuses to run as root and there is no account `nobody`: run as an ordinary user"
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def can(account: Account, check: str, path: Path) -> bool:
    """Whether `test <check> <path>` succeeds for the account; the kernel also applies rules that mode bits do not show."""
    result = subprocess.run(["/bin/sh", "-c", f'test {check} "$1"', "sh", str(path)], cwd="/", **account.arguments())
    return result.returncode == 0
