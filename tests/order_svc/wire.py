"""The wire between order_svc and its far sides: failures of a call before or after it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from chassis.errors import ServiceError

FAILED = grpc.StatusCode.FAILED_PRECONDITION


@dataclass
class Wire:
    """Scripted failures: a method's name to the outcome of its next calls."""

    before: dict[str, list[ServiceError]] = field(default_factory=dict)
    """The call fails and has no effect."""
    after: dict[str, list[ServiceError]] = field(default_factory=dict)
    """The call is done but its answer is lost."""
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """The call waits until the event is set."""
    calls: list[str] = field(default_factory=list)
    _watched: list[tuple[str, int, asyncio.Event]] = field(default_factory=list)

    async def called(self, name: str, times: int = 1) -> None:
        """Returns once the method was called `times` times."""
        if self.calls.count(name) < times:
            event = asyncio.Event()
            self._watched.append((name, times, event))
            await asyncio.wait_for(event.wait(), 10)

    async def carry(self, name: str, work: Callable[[], Any]) -> Any:
        """One call."""
        self.calls.append(name)
        for watched, times, event in self._watched:
            if self.calls.count(watched) >= times:
                event.set()
        if name in self.held:
            await self.held[name].wait()
        _raise_next(self.before, name)
        result = work()
        _raise_next(self.after, name)
        return result


def _raise_next(failures: dict[str, list[ServiceError]], name: str) -> None:
    if failures.get(name):
        raise failures[name].pop(0)


def lost() -> ServiceError:
    """A call whose answer never arrived."""
    return ServiceError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "connection reset")


def refuses(reason: str, **metadata: str) -> ServiceError:
    """A definite refusal."""
    return ServiceError(FAILED, reason, reason.lower(), metadata)
