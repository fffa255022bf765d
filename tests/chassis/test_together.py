"""Coalesced calls: alone if none is in flight, else together with all waiting ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from chassis import context
from chassis.together import Together


class Road:
    """Records groups of calls, and completes them on request."""

    def __init__(self) -> None:
        self.trips: list[list[int]] = []
        self.request_ids: list[str] = []
        self.open = asyncio.Event()

    async def one(self, item: int) -> int:
        """Doubles; thirteen fails."""
        return self._arrived((await self._travel([item]))[0])

    async def many(self, items: Sequence[int]) -> Sequence[int | Exception]:
        """The same for each; ninety-nine fails the whole group."""
        if 99 in items:
            raise RuntimeError("all of it")
        return await self._travel(items)

    async def _travel(self, items: Sequence[int]) -> list[int | Exception]:
        self.trips.append(list(items))
        self.request_ids.append(context.request_id.get())
        await self.open.wait()
        return [ValueError("bad luck") if item == 13 else item * 2 for item in items]

    def _arrived(self, result: int | Exception) -> int:
        if isinstance(result, Exception):
            raise result
        return result


async def _started(together: Together[int, int], *items: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(together.call(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_the_first_goes_alone_and_who_comes_meanwhile_goes_together() -> None:
    road = Road()
    together = Together(road.one, road.many)
    tasks = await _started(together, 1, 2, 3)
    assert road.trips == [[1]]
    road.open.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6]
    assert road.trips == [[1], [2, 3]]
    assert await together.call(4) == 8
    assert road.trips[-1] == [4]


async def test_each_has_its_own_answer() -> None:
    road = Road()
    tasks = await _started(Together(road.one, road.many), 13, 2, 13, 3)
    road.open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[1::2] == [4, 6]
    assert [type(answer) for answer in answers[::2]] == [ValueError, ValueError]


async def test_a_failure_of_the_trip_is_everybodys() -> None:
    road = Road()
    together = Together(road.one, road.many)
    tasks = await _started(together, 1, 99, 2)
    road.open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, RuntimeError, RuntimeError]
    assert await together.call(5) == 10


async def test_who_gave_up_waiting_does_not_travel() -> None:
    road = Road()
    together = Together(road.one, road.many)
    first, second, third = await _started(together, 1, 2, 3)
    second.cancel()
    road.open.set()
    assert [await first, await third] == [2, 6]
    assert road.trips == [[1], [3]]
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_a_call_that_goes_alone_keeps_its_request_id_and_a_group_has_nobodys() -> None:
    road = Road()
    together = Together(road.one, road.many)
    context.request_id.set("mine")
    tasks = await _started(together, 1, 2)
    road.open.set()
    await asyncio.gather(*tasks)
    road.open.clear()
    tasks = await _started(together, 3, 4, 5)
    road.open.set()
    await asyncio.gather(*tasks)
    assert road.request_ids == ["mine", "mine", "mine", ""]
