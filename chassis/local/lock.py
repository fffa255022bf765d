"""One run per checkout: a lock that is released when its holder ends, for whatever reason."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from chassis.local.errors import CannotStart
from chassis.local.watchdog import alive

CLEARING_S = 60.0
"""After a runner is killed, its watchdog holds the lock until it has ended six children, each within ten seconds."""
POLL_S = 0.1


@contextlib.contextmanager
def held(local: Path) -> Iterator[int]:
    """Creates the `.local` folder and holds its lock; yields the descriptor. CannotStart when another run holds it."""
    try:
        local.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(local / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as refused:
        raise CannotStart(
            f"{local} cannot be used ({refused.strerror}): run as its owner, remove it, or set LOCAL_DIR"
        ) from None
    try:
        _take(descriptor, local)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, local: Path) -> None:
    deadline = time.monotonic() + CLEARING_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode() or "unknown"
            if (holder.isdecimal() and alive(int(holder))) or time.monotonic() > deadline:
                raise CannotStart(
                    f"already running in {local} as process {holder}: end that process first, with Ctrl-C or kill {holder}"
                ) from None
            time.sleep(POLL_S)
        else:
            return
