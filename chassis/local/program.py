"""The description of a process: its command, its environment, its account, and the signal that stops it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict


class AccountArguments(TypedDict, total=False):
    """The arguments of `subprocess` that change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """The account that runs a process; without numbers, the current one."""

    uid: int | None = None
    gid: int | None = None

    def arguments(self) -> AccountArguments:
        """Arguments with which `subprocess` starts a process as this account."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Makes this account the owner of a newly created path."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


@dataclass(frozen=True)
class Program:
    """A command that can be started any number of times."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    account: Account = field(default_factory=Account)
    stop_signal: signal.Signals = signal.SIGTERM
