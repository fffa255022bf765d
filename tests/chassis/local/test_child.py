"""A child that dies is restarted, with growing delays, and is ended on request."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.local.child import Child
from chassis.local.console import Console
from chassis.local.program import Program
from chassis.local.watchdog import Watchdog
from chassis.restarts import next_delay
from tests import config

QUICK_S = 5.0


class Supervised:
    """A shell command under supervision; `pids` has each announced pid."""

    def __init__(self, script: str, watchdog: Watchdog) -> None:
        program = Program("edge", ("/bin/sh", "-c", script), config.load().environment, Path("/"))
        self.child = Child(program, 0, Console(colour=False), watchdog, self._changed)
        self.pids: asyncio.Queue[int] = asyncio.Queue()

    def _changed(self) -> None:
        if self.child.pid is not None:
            self.pids.put_nowait(self.child.pid)

    async def next_pid(self) -> int:
        return await asyncio.wait_for(self.pids.get(), QUICK_S)


@pytest.fixture
async def watchdog() -> AsyncIterator[Watchdog]:
    dog = Watchdog()
    yield dog
    dog.close()


async def test_a_killed_child_is_started_again_with_a_new_pid(
    watchdog: Watchdog, capsys: pytest.CaptureFixture[str]
) -> None:
    supervised = Supervised("exec sleep 60", watchdog)
    await supervised.child.start()
    first = await supervised.next_pid()
    os.kill(first, signal.SIGKILL)
    second = await supervised.next_pid()
    await supervised.child.stop(asyncio.Event())
    assert second != first
    assert "was ended by SIGKILL; starting it again in 0.2 s" in capsys.readouterr().out


async def test_a_child_that_ends_by_itself_is_started_again(
    watchdog: Watchdog, capsys: pytest.CaptureFixture[str]
) -> None:
    supervised = Supervised("echo trying; exit 3", watchdog)
    await supervised.child.start()
    assert await supervised.next_pid() != await supervised.next_pid()
    await supervised.child.stop(asyncio.Event())
    assert "edge      | trying\nedge      | ended with exit code 3; starting" in capsys.readouterr().out


async def test_a_stopped_child_is_not_started_again(watchdog: Watchdog) -> None:
    supervised = Supervised("exec sleep 60", watchdog)
    await supervised.child.start()
    pid = await supervised.next_pid()
    await supervised.child.stop(asyncio.Event())
    assert supervised.child.pid is None
    assert supervised.pids.empty()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_child_that_ignores_sigterm_is_killed_when_there_is_no_time(watchdog: Watchdog) -> None:
    supervised = Supervised("trap '' TERM; echo ready; while :; do sleep 1; done", watchdog)
    await supervised.child.start()
    now = asyncio.Event()
    now.set()
    await asyncio.wait_for(supervised.child.stop(now), QUICK_S)
    assert supervised.child.pid is None


async def test_a_child_is_stopped_while_it_waits_for_its_next_start(watchdog: Watchdog) -> None:
    supervised = Supervised("exit 1", watchdog)
    await supervised.child.start()
    await supervised.next_pid()
    await asyncio.wait_for(supervised.child.stop(asyncio.Event()), QUICK_S)
    assert supervised.child.pid is None


def test_the_wait_doubles_up_to_five_seconds() -> None:
    waits = [0.0]
    for _ in range(7):
        waits.append(next_delay(waits[-1], lived_s=1))
    assert waits[1:] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_child_that_lived_for_half_a_minute_is_started_at_once_again() -> None:
    assert next_delay(5.0, lived_s=30) == 0.2
