"""Watches this process's event loop from outside: logs where it hangs, fails readiness, ends the process, enforces SIGTERM.

There are three watchers, because each works where another does not. A thread logs the stack, reports readiness and ends the
process; C code that holds the GIL stops this thread. faulthandler's timer is C code without the GIL: it writes all stacks
to stderr and ends the process. It fires later, because it may crash while it inspects a running thread. The system's alarm
ends the process even when nothing reads stderr. The loop resets all three once a second, which takes 50 us.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from chassis import config, metrics, telemetry

log = telemetry.logger()

AGE = metrics.gauge("loop_age_seconds", "Since the last turn of the event loop; from 5 on it hangs")
HANGS = metrics.counter("loop_hangs_total", "Times that the event loop made no turn for 5 seconds")

STDERR = 2
ENDED = 1
"""Exit code of a process that this module or faulthandler ends."""
STOP_WITHIN_S = 12.0
"""From SIGTERM to the end when the loop turns: 8 s to drain, then closing. Supervisors usually send SIGKILL after 10 s."""
STOPPING = (signal.SIGTERM, signal.SIGINT)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Times:
    """Times in seconds. With `ends_s` None, a hanging loop is logged and the process continues."""

    turn_s: float = 1.0
    """Between two recorded turns of the loop, and between two checks."""
    hangs_s: float = 5.0
    """None of our code holds the loop for a tenth of this."""
    ends_s: float | None = 20.0
    """By then callers have given up: the longest deadline is 15 s."""
    margin_s: float = 2.0
    """Time for faulthandler to write its stacks before the alarm ends the process."""


TIMES = Times()


class Watchdog:
    """Watches one loop. Call `start` inside it, and `stop` when nothing in it is awaited any more."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._turned_s = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._next: asyncio.TimerHandle | None = None
        self._stopped = threading.Event()
        self._hangs = False
        self._stop_by_s: float | None = None

    def start(self) -> None:
        """Begins to watch the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._turn()
        AGE.read_from(lambda: self.age_s)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stops watching, unless the process was asked to stop: then it must still end in time."""
        if self._next is not None:
            self._next.cancel()
        if self._times.ends_s is not None:
            faulthandler.cancel_dump_traceback_later()
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self._stop_by_s is None:
            self._stopped.set()
        self._loop = None

    @property
    def age_s(self) -> float:
        """Seconds since the loop's last turn."""
        return 0.0 if self._loop is None else time.monotonic() - self._turned_s

    @property
    def hangs(self) -> bool:
        """Whether the loop has not turned for too long."""
        return self.age_s >= self._times.hangs_s

    def asked_to_stop(self, within_s: float | None) -> None:
        """The process must end within this time; with None, there is no limit while its loop turns."""
        if self._stop_by_s is None:
            self._stop_by_s = float("inf") if within_s is None else time.monotonic() + within_s

    def _turn(self) -> None:
        self._turned_s = time.monotonic()
        if self._loop is None:
            return
        self._next = self._loop.call_later(self._times.turn_s, self._turn)
        if self._times.ends_s is not None:
            faulthandler.dump_traceback_later(self._times.ends_s, exit=True, file=STDERR)
            signal.setitimer(signal.ITIMER_REAL, self._times.ends_s + self._times.margin_s)

    def _watch(self) -> None:
        while not self._stopped.wait(self._times.turn_s):
            self._look()
            if self._stop_by_s is not None and (self.hangs or time.monotonic() > self._stop_by_s):
                self._end("process.cut", "it was asked to stop and did not")
            if self._times.ends_s is not None and self.age_s > self._times.ends_s - 1.5 * self._times.turn_s:
                self._end("process.ends", "its event loop hangs")

    def _end(self, event: str, reason: str) -> None:
        log.error(event, reason=reason, stack=self._stack())
        os._exit(ENDED)

    def _look(self) -> None:
        hung, self._hangs = self._hangs, self.hangs
        if self._hangs and not hung:
            HANGS.value += 1
            log.error("loop.hangs", seconds=round(self.age_s, 1), stack=self._stack())
        elif hung and not self._hangs:
            log.warning("loop.turns_again")

    def _stack(self) -> str:
        """The stack of the loop's thread, innermost call last."""
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the documented way to another thread's stack
        return "".join(traceback.format_stack(frame))


_running: Watchdog | None = None
_ready = True


async def watched(work: Coroutine[Any, Any, Result], ends: bool = True) -> Result:
    """Returns the work's result; watches its loop meanwhile, unless WATCHDOG=off. Once per process."""
    global _running
    if not config.watchdog():
        return await work
    _running = Watchdog(TIMES if ends else Times(TIMES.turn_s, TIMES.hangs_s, None))
    _running.start()
    try:
        return await work
    finally:
        _running.stop()


def on_stop(
    stop: Callable[[], None],
    within_s: float | None = STOP_WITHIN_S,
    numbers: Iterable[signal.Signals] = STOPPING,
) -> None:
    """Makes these signals call `stop` in the running loop, and end the process when it does not end by itself.

    The handlers run in the main thread between two Python instructions, even when the loop does not turn. They only record
    the time; the watchdog's thread does the rest. No thread waits in sigwait: child processes would inherit blocked signals.
    """
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, stop)
        signal.signal(number, _noting(signal.getsignal(number), within_s))
        signal.siginterrupt(number, False)


def _noting(theirs: Any, within_s: float | None) -> Callable[[int, FrameType | None], None]:
    """A handler that records the signal and then calls the loop's own handler."""

    def note(number: int, frame: FrameType | None) -> None:
        if _running is not None:
            _running.asked_to_stop(within_s)
        if callable(theirs):
            theirs(number, frame)

    return note


def ready(yes: bool) -> None:
    """Records whether the process is ready; `complaint` reports it to threads outside the loop."""
    global _ready
    _ready = yes


def complaint() -> str:
    """Why this process is not ready, for any thread; "" when it is."""
    if _running is not None and _running.hangs:
        return f"the event loop has not turned for {_running.age_s:.0f} s"
    return "" if _ready else "not ready"
