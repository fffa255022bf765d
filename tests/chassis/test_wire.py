"""One connection for many callers, on a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.exceptions as failures

from chassis import redis
from chassis.wire import Wire
from tests.servers import Running, running_valkey


@pytest.fixture
def valkey() -> Iterator[Running]:
    """A Valkey that may be killed."""
    with running_valkey() as running:
        yield running


@pytest.fixture
async def wire(valkey: Running) -> AsyncIterator[Wire]:
    client = redis.connect(valkey.url)
    wire = Wire(client)
    yield wire
    wire.close()
    await client.aclose()


async def test_a_thousand_callers_at_once_each_get_their_own_answer(wire: Wire) -> None:
    answers = await asyncio.gather(*(wire.call("ECHO", f"caller {number} ü") for number in range(1_000)))
    assert answers == [f"caller {number} ü" for number in range(1_000)]


async def test_an_error_is_the_answer_of_its_caller_alone(wire: Wire) -> None:
    answers = await asyncio.gather(
        wire.call("EVALSHA", "0" * 40, 0), wire.call("PING"), wire.call("NONSENSE"), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [failures.NoScriptError, str, failures.ResponseError]


async def test_a_caller_that_gives_up_does_not_shift_the_answers_of_others(wire: Wire) -> None:
    await wire.call("PING")
    tasks = [asyncio.create_task(wire.call("ECHO", str(number))) for number in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    assert await asyncio.gather(*tasks[1::2]) == ["1", "3", "5", "7", "9"]
    assert await wire.call("ECHO", "last") == "last"


async def test_a_killed_server_fails_who_waits_and_its_successor_is_found(wire: Wire, valkey: Running) -> None:
    await wire.call("PING")
    waiting = asyncio.create_task(wire.call("BLPOP", "nothing", 0))
    await wire.call("PING") if waiting.done() else await asyncio.sleep(0)
    valkey.kill()
    with pytest.raises(failures.ConnectionError):
        await waiting
    with pytest.raises(failures.ConnectionError):
        await wire.call("PING")
    valkey.start()
    assert await wire.call("PING") == "PONG"


async def test_a_silent_server_is_treated_as_gone(wire: Wire, valkey: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.wire.SOCKET_TIMEOUT_S", 0.1)
    await wire.call("PING")
    with pytest.raises(failures.TimeoutError):
        await wire.call("BLPOP", "nothing", 0)
    assert await wire.call("PING") == "PONG", "on a connection of its own"
