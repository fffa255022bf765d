"""Ends order_svc at its n-th call to the outside, as a crash would: nothing after it runs, nothing is cleaned up."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from order_svc.clients.inventory import Inventory
from order_svc.clients.promotions import Promotions
from order_svc.clients.sandbox import Sandbox
from order_svc.store.leases import Leases
from order_svc.store.orders import Orders

OUTSIDE: dict[type, tuple[str, ...]] = {
    Inventory: ("prices", "reserve", "extend", "commit", "release", "cancel_sale", "_read"),
    Promotions: ("quote", "redeem", "commit", "release"),
    Sandbox: ("authorize", "lookup", "void", "refund", "void_part", "refund_part", "hear"),
    Orders: ("insert", "update", "find"),
    Leases: ("claim", "claim_due", "want_cancelled", "hear"),
}


class Crash(BaseException):
    """Not an Exception, so that no handler of the product catches it."""


@dataclass
class Plan:
    """Crashes at call number `at` (from 1), before it is made or after it was answered."""

    at: int
    after: bool
    calls: int = 0
    crashed: bool = False

    def check(self, after: bool) -> None:
        """Raises at the planned call, and at every later one: the process is gone."""
        if self.crashed or (self.calls == self.at and self.after is after):
            self.crashed = True
            raise Crash


@contextmanager
def crashing(at: int, after: bool) -> Iterator[Plan]:
    """Within the block, order_svc crashes as planned."""
    plan = Plan(at, after)
    with pytest.MonkeyPatch.context() as patch:
        for owner, names in OUTSIDE.items():
            for name in names:
                patch.setattr(owner, name, _wrapped(getattr(owner, name), plan))
        yield plan


def _wrapped(method: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    @functools.wraps(method)
    async def call(*arguments: Any, **named: Any) -> Any:
        plan.calls += 1
        plan.check(after=False)
        try:
            return await method(*arguments, **named)
        finally:
            plan.check(after=True)

    return call
