"""Background loops: they continue while there is work, survive failures, and stop."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from chassis import jobs
from chassis.jobs import Jobs


async def test_a_job_goes_on_at_once_while_there_is_work_and_survives_a_failure() -> None:
    rounds: list[int] = []
    three = asyncio.Event()

    async def run_once() -> int:
        rounds.append(len(rounds))
        if len(rounds) == 2:
            raise RuntimeError("once")
        if len(rounds) == 4:
            three.set()
            return 0
        return 1

    loops = Jobs()
    loops.start("busy", run_once, 0.001)
    async with asyncio.timeout(5):
        await three.wait()
        await loops.stop()
    assert rounds[:4] == [0, 1, 2, 3]


async def test_a_job_that_rests_leaves_others_as_many_times_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock_s, rested = 0.0, asyncio.Queue[float]()

    async def pause(_: Jobs, seconds: float) -> None:
        rested.put_nowait(seconds)
        await asyncio.sleep(0)

    async def run_once() -> int:
        nonlocal clock_s
        clock_s += 3.0
        return 1

    monkeypatch.setattr("chassis.jobs.time", SimpleNamespace(monotonic=lambda: clock_s))  # the loop keeps its own clock
    monkeypatch.setattr(Jobs, "_pause", pause)
    loops = Jobs()
    loops.start("rests", run_once, 60, rest=2.0)
    assert [await rested.get() for _ in range(3)] == [6.0] * 3
    await loops.stop()


async def test_stopping_lets_a_round_finish_and_cuts_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, cut = asyncio.Event(), asyncio.Event()
    finished: list[str] = []
    go = asyncio.Event()

    async def quick() -> int:
        await go.wait()
        finished.append("quick")
        return 0

    async def endless() -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.set()
            raise
        return 0

    loops = Jobs()
    loops.start("quick", quick, 60)
    loops.start("endless", endless, 60)
    await begun.wait()
    monkeypatch.setattr(jobs, "FINISH_S", 0.05)
    go.set()
    async with asyncio.timeout(5):
        await loops.stop()
    assert finished == ["quick"]
    assert cut.is_set()


async def test_a_job_that_is_woken_does_not_wait_for_its_pause_to_end() -> None:
    rounds, wake = asyncio.Queue[None](), asyncio.Event()

    async def run_once() -> int:
        rounds.put_nowait(None)
        return 0

    loops = Jobs()
    loops.start("sleepy", run_once, 3_600, wake=wake)
    async with asyncio.timeout(5):
        for _ in range(3):
            await rounds.get()
            wake.set()
        await loops.stop()


async def test_a_job_whose_work_is_woken_while_it_works_works_again() -> None:
    rounds, wake = asyncio.Queue[None](), asyncio.Event()

    async def run_once() -> int:
        rounds.put_nowait(None)
        if rounds.qsize() == 1:
            wake.set()  # a write after this round has read
        return 0

    loops = Jobs()
    loops.start("sleepy", run_once, 3_600, wake=wake)
    async with asyncio.timeout(5):
        await rounds.get()
        await rounds.get()
        await loops.stop()
