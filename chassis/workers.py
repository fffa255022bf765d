"""A service's process as one of several: it hands itself over to a supervisor, and ends when that one does.

What the supervisor does is in supervisor.py, which imports no grpc.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from chassis import config, sockets
from chassis.config import ConfigError

GRACE_S = 10.0
"""Time for an orphan to drain; then it ends, stuck or not."""


def divide(service: str, address: str) -> None:
    """With several workers wanted, this process becomes their supervisor: it does not return.

    Returns in a worker and in a service's only process. ConfigError when the address belongs to another program.
    """
    several = config.workers(service)
    with sockets.bound(address):
        pass  # one clear line instead of grpc's
    if several == 1 or config.worker_number() is not None:
        return
    if address.endswith(":0"):
        raise ConfigError(f"several workers of {service} need a port that is known beforehand, not {address}")
    # Not a fork: a process that has imported grpc must not have children that use it. The same pid, and an empty memory.
    ours = [sys.executable, "-m", "chassis.supervisor", service, str(several), address, *sys.orig_argv[1:]]
    os.execv(sys.executable, ours)  # noqa: S606 - our own command


def end_with_supervisor() -> None:
    """Sees to it that a worker drains and ends when its supervisor is gone, however that one ended."""
    lifeline = config.worker_lifeline()
    if lifeline is not None:
        # A thread, since the loop may be what is stuck.
        threading.Thread(target=_attend, args=(lifeline,), name="lifeline", daemon=True).start()


def _attend(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
