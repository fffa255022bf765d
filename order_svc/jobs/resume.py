"""Resumes sagas after a crash, an outage or a wait: claims those that are due and runs each once."""

from __future__ import annotations

import asyncio

from chassis import telemetry, tracing
from chassis.errors import ServiceError
from order_svc.app.runs import new_owner
from order_svc.app.saga import LeaseLost, Saga
from order_svc.domain.errors import Unreachable
from order_svc.domain.order import Order
from order_svc.domain.saga import resumed
from order_svc.store import meters
from order_svc.store.leases import Leases
from order_svc.store.orders import Lease

log = telemetry.logger()

PAUSE_S = 1.0
AT_ONCE = 64
"""Sagas that one pass runs at the same time: a thousand orders left by a crash are done in seconds."""


class Resume:
    """Several processes may run it: claims are exclusive."""

    def __init__(self, leases: Leases, saga: Saga) -> None:
        self._leases = leases
        self._saga = saga

    async def run_once(self) -> int:
        """Runs one pass; returns how many sagas it ran."""
        owner = new_owner()
        due = await self._leases.claim_due(owner, AT_ONCE)
        await asyncio.gather(*(self._go_on(order, owner) for order in due))
        return len(due)

    async def _go_on(self, order: Order, owner: str) -> None:
        try:
            with tracing.span("saga.resume"):
                after = await self._saga.go_on(resumed(order), Lease(owner), patience_s=0.0)
        except (Unreachable, ServiceError, LeaseLost) as failed:
            log.info("resume.left", order_id=order.order_id, error=str(failed))
        except Exception as bug:  # logged by the saga; it must not stop the others of this pass
            log.info("resume.failed", order_id=order.order_id, error=repr(bug))
        else:
            meters.RESUMED.add()
            log.info("resume.ran", order_id=order.order_id, before=order.state, after=after.state)
