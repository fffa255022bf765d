"""Several workers of one service: a process becomes their supervisor, and a worker ends when its supervisor does.

The supervisor itself is supervisor.py, which does not import grpc.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from chassis import config, sockets
from chassis.config import ConfigError

GRACE_S = 10.0
"""Time for a worker without a supervisor to drain; then it is killed, even when it hangs."""


def divide(service: str, address: str) -> None:
    """With several workers configured, replaces this process by their supervisor and does not return.

    Returns in a worker and in a service's only process. ConfigError when the address belongs to another program.
    """
    several = config.workers(service)
    with sockets.bound(address):
        pass  # raises one clear line instead of grpc's error
    if several == 1 or config.worker_number() is not None:
        return
    if address.endswith(":0"):
        raise ConfigError(f"several workers of {service} need a fixed port, not {address}")
    # Not a fork: a process that has imported grpc must not have children that use it. Exec keeps the pid and clears the memory.
    ours = [sys.executable, "-m", "chassis.supervisor", service, str(several), address, *sys.orig_argv[1:]]
    os.execv(sys.executable, ours)  # noqa: S606 - a command of this project


def end_with_supervisor() -> None:
    """Makes a worker drain and end when its supervisor has ended, for whatever reason."""
    lifeline = config.worker_lifeline()
    if lifeline is not None:
        # A thread, because the event loop may hang.
        threading.Thread(target=_attend, args=(lifeline,), name="lifeline", daemon=True).start()


def _attend(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
