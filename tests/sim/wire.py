"""The way to a server and back: requests and replies are delayed, lost, or arrive after the caller has given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from chassis import errors
from tests.sim.loop import SimulatedLoop

T = TypeVar("T")
QUICK_S = 0.01
TIMEOUT_S = 2.0
MOST_LATE_S = 40.0


@dataclass(frozen=True)
class Rates:
    """Probability of each fault for a call."""

    request_lost: float = 0.0
    reply_lost: float = 0.0
    late: float = 0.0
    slow: float = 0.0


class Wire:
    """All connections of one simulation. `calm` lets every call through immediately."""

    def __init__(self, loop: SimulatedLoop, random: Random, rates: Rates, tally: Counter[str]) -> None:
        self._loop = loop
        self._random = random
        self._rates = rates
        self._tally = tally
        self._nowhere = Context()  # a message in flight belongs to no process: it arrives even if its sender has died
        self.calm = False
        self._lives = Counter[str]()

    def cut(self, reason: str) -> None:
        """The server was replaced: requests in flight to it never arrive, while replies in flight still do."""
        self._lives[reason] += 1

    def life(self, reason: str) -> int:
        """How often the server was replaced."""
        return self._lives[reason]

    async def call(self, reason: str, effect: Callable[[], T]) -> T:
        """Runs `effect` at the server, immediately and atomically; UNAVAILABLE for `reason` if its outcome stays unknown."""
        if self.calm:
            return effect()
        life = self._lives[reason]

        def same_life() -> T:
            if self._lives[reason] != life:
                raise errors.unavailable(reason, "the server was replaced")
            return effect()

        return await self._call(reason, same_life)

    async def _call(self, reason: str, effect: Callable[[], T]) -> T:
        rates, roll = self._rates, self._random.random()
        delay_s = self._random.random() * QUICK_S
        for fault in ("request_lost", "reply_lost", "late", "slow"):
            rate = getattr(rates, fault)
            if roll < rate:
                self._tally[f"{reason[:-12].lower()} {fault.replace('_', ' ')}"] += 1
                break
            roll -= rate
        else:
            return await self._there_and_back(effect, delay_s)
        if fault == "slow":
            return await self._there_and_back(effect, self._random.random() * TIMEOUT_S)
        if fault == "late":
            self._deliver_at(self._random.random() * MOST_LATE_S, effect)
            delay_s = TIMEOUT_S
        elif fault == "reply_lost":
            self._deliver_at(delay_s, effect)
            delay_s += self._random.random() * QUICK_S
        await asyncio.sleep(delay_s)
        raise errors.unavailable(reason, "simulated")

    async def _there_and_back(self, effect: Callable[[], T], delay_s: float) -> T:
        answer: asyncio.Future[T] = self._loop.create_future()
        reply_s = self._random.random() * QUICK_S if self._random.random() < 0.2 else 0.0
        self._loop.call_later(delay_s, self._deliver, effect, answer, reply_s, context=self._nowhere)
        return await answer

    def _deliver(self, effect: Callable[[], T], answer: asyncio.Future[T], reply_s: float) -> None:
        try:
            result = effect()
        except Exception as refused:
            if not answer.done():
                answer.set_exception(refused)
            return
        if reply_s:
            self._loop.call_later(reply_s, _reply, answer, result, context=self._nowhere)
        else:
            _reply(answer, result)

    def _deliver_at(self, delay_s: float, effect: Callable[[], T]) -> None:
        self._loop.call_later(delay_s, _swallow, effect, context=self._nowhere)


def _reply(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _swallow(effect: Callable[[], object]) -> None:
    try:
        effect()
    except Exception:  # no caller waits for the answer
        return
