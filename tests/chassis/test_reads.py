"""Simultaneous reads."""

from __future__ import annotations

import asyncio

import pytest

from chassis.reads import SharedReads


async def test_reads_that_wait_for_a_free_lane_become_one_query() -> None:
    queries: list[list[str]] = []
    slow = asyncio.Event()

    async def read(keys: list[str]) -> dict[str, int]:
        queries.append(keys)
        await slow.wait()
        return {key: len(key) for key in keys if key != "unknown"}

    reads = SharedReads("read.numbers", read)
    reads.start()
    first = [asyncio.create_task(reads.get(["a"])) for _ in range(2)]
    while len(queries) < 1:
        await asyncio.sleep(0)
    rest = [asyncio.create_task(reads.get(keys)) for keys in (["bb"], ["bb", "ccc"], ["unknown"])]
    for _ in range(5):
        await asyncio.sleep(0)
    slow.set()
    answers = await asyncio.gather(*first, *rest)
    assert len(queries) <= 3
    assert sorted({key for query in queries for key in query}) == ["a", "bb", "ccc", "unknown"]
    assert [answer.get(key) for answer, key in zip(answers, ("a", "a", "bb", "ccc", "unknown"), strict=True)] == [
        1,
        1,
        2,
        3,
        None,
    ]
    await reads.close()


async def test_a_failed_query_fails_those_who_asked_it_and_nobody_later() -> None:
    broken = True

    async def read(keys: list[str]) -> dict[str, int]:
        if broken:
            raise ConnectionError("gone")
        return dict.fromkeys(keys, 1)

    reads = SharedReads("read.numbers", read)
    reads.start()
    with pytest.raises(ConnectionError):
        await reads.get(["a"])
    broken = False
    assert await reads.get(["a"]) == {"a": 1}
    await reads.close()
