"""Ends the children of a runner that was killed: a separate process that reads a pipe whose other end the runner holds.

The runner lists its children over the pipe. When the pipe closes, for whatever reason, the remaining children are stopped
in order. This works on every Unix, and the children stay ordinary processes with their own pids. It uses only the standard
library, because it is started by its path, without the product.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

GRACE_S = 10.0
POLL_S = 0.05


class Watchdog:
    """The runner's end of the pipe."""

    def __init__(self, held: Sequence[int] = ()) -> None:
        """`held` are descriptors that stay open until the last child has ended, such as a lock."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            pass_fds=tuple(held),
            start_new_session=True,
            text=True,
        )

    def watch(self, rank: int, pid: int, stop_signal: int) -> None:
        """Makes the process end with the runner; processes of a higher rank end first."""
        self._say(f"watch {rank} {pid} {int(stop_signal)}")

    def forget(self, pid: int) -> None:
        """Removes a process that has ended; its pid may soon belong to another."""
        self._say(f"forget 0 {pid} 0")

    def close(self) -> None:
        """Ends the watchdog, and with it all processes that are still watched."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # the watchdog was killed: the runner works without it
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


def alive(pid: int) -> bool:
    """Whether the process still runs. A zombie, which has ended but was not waited for, does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (PermissionError, FileNotFoundError):  # a process of another account, or a system without /proc
        return True
    return state != "Z"


def _stop(pid: int, stop_signal: int) -> None:
    try:
        os.kill(pid, stop_signal)
        deadline = time.monotonic() + GRACE_S
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def main() -> None:
    """Reads until the runner is gone, then ends its remaining children."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched: dict[int, tuple[int, int]] = {}
    for line in sys.stdin:
        if not line.endswith("\n"):
            break  # the runner was killed while it wrote this line
        word, rank, pid, stop_signal = line.split()
        if word == "watch":
            watched[int(pid)] = (int(rank), int(stop_signal))
        else:
            watched.pop(int(pid), None)
    for pid, (_, stop_signal) in sorted(watched.items(), key=lambda each: each[1][0], reverse=True):
        _stop(pid, stop_signal)


if __name__ == "__main__":
    main()
