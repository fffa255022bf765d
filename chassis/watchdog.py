"""Watches this process's event loop from outside: names where it hangs, makes readiness red, ends the process, sees to SIGTERM.

Three watchers, because each works where another does not. A thread logs the stack, answers readiness and ends the process;
C code that keeps Python's lock silences it. faulthandler's timer is C without the lock: it writes every stack to stderr and
ends the process; it comes later, since it may crash where it looks at a thread that runs. The system's alarm ends the process
also when nobody reads stderr. The loop winds all of them up again once a second, which takes 50 us.
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

AGE = metrics.gauge("loop_age_seconds", "Since the event loop turned last; from 5 on it hangs")
HANGS = metrics.counter("loop_hangs_total", "Times that the event loop did not turn for 5 seconds")

STDERR = 2
ENDED = 1
"""The exit code of a process that is ended here or by faulthandler."""
STOP_WITHIN_S = 12.0
"""From SIGTERM to the end, when the loop turns: a drain of 8 s, and the closing. Supervisors usually send SIGKILL after ten."""
STOPPING = (signal.SIGTERM, signal.SIGINT)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Times:
    """In seconds. `ends_s` None: a loop that hangs is named, and the process goes on."""

    turn_s: float = 1.0
    """Between two turns of the loop that are noted, and between two looks at it."""
    hangs_s: float = 5.0
    """Nothing of ours holds the loop for a tenth of this."""
    ends_s: float | None = 20.0
    """Callers have given up by then; the longest deadline is 15 s."""
    margin_s: float = 2.0
    """For faulthandler to write its stacks, before the alarm ends the process."""


TIMES = Times()


class Watchdog:
    """Of one loop. `start` inside it; `stop` when nothing of it is awaited any more."""

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
        """Watches no more, unless the process was asked to stop: then it still has to end in time."""
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
        """Seconds since the loop turned."""
        return 0.0 if self._loop is None else time.monotonic() - self._turned_s

    @property
    def hangs(self) -> bool:
        """Whether the loop has not turned for too long."""
        return self.age_s >= self._times.hangs_s

    def asked_to_stop(self, within_s: float | None) -> None:
        """The process must have ended after so long; None: it may take its time while its loop turns."""
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
        """Where the loop's thread is, the innermost call last."""
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the documented way to another thread's stack
        return "".join(traceback.format_stack(frame))


_running: Watchdog | None = None
_ready = True


async def watched(work: Coroutine[Any, Any, Result], ends: bool = True) -> Result:
    """The work's result; while it runs, its loop is watched, unless WATCHDOG=off. Once per process."""
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
    """These signals call `stop` in the running loop, and end the process when it does not end by itself.

    The handlers run in the main thread between two steps of Python, also when the loop does not turn. They only note the time;
    the watchdog's thread does the rest. No thread waits in sigwait: blocked signals would be inherited by child processes.
    """
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, stop)
        signal.signal(number, _noting(signal.getsignal(number), within_s))
        signal.siginterrupt(number, False)


def _noting(theirs: Any, within_s: float | None) -> Callable[[int, FrameType | None], None]:
    """A handler that does what the loop's own one does, too."""

    def note(number: int, frame: FrameType | None) -> None:
        if _running is not None:
            _running.asked_to_stop(within_s)
        if callable(theirs):
            theirs(number, frame)

    return note


def ready(yes: bool) -> None:
    """What the process says of itself; `complaint` says it to those who ask outside of the loop."""
    global _ready
    _ready = yes


def complaint() -> str:
    """Why this process is not ready, for any thread; "" when it is."""
    if _running is not None and _running.hangs:
        return f"the event loop has not turned for {_running.age_s:.0f} s"
    return "" if _ready else "not ready"
