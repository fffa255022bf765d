"""The batcher."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence

import pytest

from chassis.batcher import Batcher
from chassis.errors import ServiceError


class BadLuck(Exception):
    """The error for the item 13."""


class Recorder:
    """A flush that waits to be released and records its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()

    async def flush(self, items: Sequence[int]) -> list[int | Exception]:
        """Doubles; thirteen fails alone; ninety-nine fails the whole batch."""
        self.batches.append(list(items))
        await self.gate.wait()
        if 99 in items:
            raise RuntimeError("all of it")
        return [BadLuck() if item == 13 else item * 2 for item in items]


def _batcher(recorder: Recorder, **changes: object) -> Batcher[int, int]:
    limits = {"lanes": 1, "batch_weight": 3, "queue_items": 5, **changes}
    batcher = Batcher[int, int](recorder.flush, **limits)  # type: ignore[arg-type]
    batcher.start()
    return batcher


async def test_what_arrives_during_a_batch_is_the_next_batch_up_to_its_weight() -> None:
    recorder = Recorder()
    batcher = _batcher(recorder)
    first = asyncio.create_task(batcher.submit(1))
    while not recorder.batches:
        await asyncio.sleep(0)
    rest = [asyncio.create_task(batcher.submit(number)) for number in (2, 3, 4, 5)]
    await asyncio.sleep(0)
    recorder.gate.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10]
    assert recorder.batches == [[1], [2, 3, 4], [5]]
    await batcher.close()


async def test_a_paced_batch_waits_for_more_and_a_lone_item_for_nothing() -> None:
    recorder = Recorder()
    recorder.gate.set()
    batcher = _batcher(recorder, pace_s=0.5)
    answers = []
    for number in (1, 2, 3):
        answers.append(asyncio.create_task(batcher.submit(number)))
        for _ in range(50):
            await asyncio.sleep(0)
        assert [answer.done() for answer in answers] == [True, False, False][:number]
    assert await asyncio.gather(*answers) == [2, 4, 6]
    assert recorder.batches == [[1], [2, 3]]
    await batcher.close()


async def test_a_refusal_is_gone_when_its_submitter_has_dropped_it() -> None:
    recorder = Recorder()
    recorder.gate.set()
    batcher = _batcher(recorder)

    async def refused() -> weakref.ref[BadLuck]:
        try:
            await batcher.submit(13)
        except BadLuck as raised:
            return weakref.ref(raised)
        raise AssertionError("it was accepted")

    gc.disable()
    try:
        known = await refused()
        await batcher.submit(1)  # the lane has released the previous batch
        assert known() is None
    finally:
        gc.enable()
    await batcher.close()


async def test_one_bad_item_fails_alone_and_a_failed_batch_fails_all_of_it() -> None:
    recorder = Recorder()
    recorder.gate.set()
    batcher = _batcher(recorder)
    answers = await asyncio.gather(*map(batcher.submit, (1, 13, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, BadLuck, int]
    answers = await asyncio.gather(*map(batcher.submit, (1, 99)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [RuntimeError, RuntimeError]
    assert await batcher.submit(4) == 8
    await batcher.close()


async def test_a_full_queue_refuses_before_anything_is_done() -> None:
    recorder = Recorder()
    batcher = _batcher(recorder, queue_items=2)
    first = asyncio.create_task(batcher.submit(1))
    while not recorder.batches:
        await asyncio.sleep(0)
    waiting = [asyncio.create_task(batcher.submit(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    with pytest.raises(ServiceError, match="OVERLOADED"):
        await batcher.submit(4)
    recorder.gate.set()
    await asyncio.gather(first, *waiting)
    assert all(4 not in batch for batch in recorder.batches)
    await batcher.close()


async def test_a_submitter_that_gave_up_while_waiting_costs_nothing() -> None:
    recorder = Recorder()
    batcher = _batcher(recorder)
    first = asyncio.create_task(batcher.submit(1))
    while not recorder.batches:
        await asyncio.sleep(0)
    gone = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0)
    gone.cancel()
    recorder.gate.set()
    await first
    assert await batcher.submit(3) == 6
    assert recorder.batches == [[1], [3]]
    await batcher.close()


async def test_closing_finishes_what_is_queued() -> None:
    recorder = Recorder()
    recorder.gate.set()
    batcher = _batcher(recorder, lanes=3)
    tasks = [asyncio.create_task(batcher.submit(number)) for number in range(5)]
    await asyncio.sleep(0)
    await batcher.close()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    with pytest.raises(ServiceError, match="OVERLOADED"):
        await batcher.submit(1)


async def test_a_stage_waits_until_nothing_waits_for_the_stage_after_it() -> None:
    second, first = Recorder(), Recorder()
    after = _batcher(second)
    before = _batcher(first, after=after)
    first.gate.set()

    async def both(number: int) -> int:
        return await after.submit(await before.submit(number))

    async with asyncio.timeout(10):
        answers = [asyncio.create_task(both(number)) for number in (1, 2)]
        while not second.batches:
            await asyncio.sleep(0)
        answers.append(asyncio.create_task(both(3)))  # goes ahead: nothing waits for the second stage yet
        while len(first.batches) < 2:
            await asyncio.sleep(0)
        answers += [asyncio.create_task(both(number)) for number in (4, 5)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert first.batches == [[1, 2], [3]], "3 waits for the second stage, so 4 and 5 wait here"
        second.gate.set()
        assert await asyncio.gather(*answers) == [4, 8, 12, 16, 20]
    assert first.batches == [[1, 2], [3], [4, 5]]
    await before.close()
    await after.close()
