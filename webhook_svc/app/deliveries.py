"""Use cases of deliveries: read the log, send a test, resend one delivery, replay a time span."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from chassis import ids, pagination, requests
from chassis.db import Database, Tx
from chassis.requests import Request
from webhook_svc.app import bodies
from webhook_svc.app.endpoints import lock
from webhook_svc.domain.delivery import PING, Attempt, Cause, Delivery, Planned, State
from webhook_svc.domain.endpoint import Endpoint
from webhook_svc.domain.errors import DeliveryNotFound, EndpointDisabled, EndpointNotFound
from webhook_svc.store import deliveries, deliveries_log, endpoints

MOST_REPLAYED = 5_000
"""Events that one call reads: a transaction of about a tenth of a second."""
MOST_ATTEMPTS = 100
"""Attempts that are listed: the newest ones. A schedule has ten; each resend starts another."""
NEWEST = 2**62


class Deliveries:
    """One method per use case; each change is one transaction. `changed` gets the endpoints with deliveries that are due."""

    def __init__(self, database: Database, now: Callable[[], datetime], changed: Callable[[list[str]], None]) -> None:
        self._database = database
        self._now = now
        self._changed = changed

    async def test(self, request: Request, endpoint_id: str, answer: Callable[[Delivery], bytes]) -> tuple[bytes, bool]:
        """Sends a ping like any event. EndpointNotFound, EndpointDisabled. Safe to repeat."""

        async def work(tx: Tx) -> bytes:
            endpoint, now = await _enabled(tx, endpoint_id), self._now()
            message = bodies.ping(endpoint_id, ids.new_id("ping"), now)
            plan = Planned(endpoint_id, message.event_id, endpoint.wishes.ordered, "")
            await deliveries.make(tx, [message], [plan], Cause.TEST, now, now)
            [made] = await deliveries_log.of_event(tx, endpoint_id, message.event_id)
            return answer(made)

        return await self._once(request, endpoint_id, work)

    async def replay(
        self,
        request: Request,
        endpoint_id: str,
        span: tuple[datetime, datetime],
        page_token: str,
        answer: Callable[[int, str], bytes],
    ) -> tuple[bytes, bool]:
        """Makes new deliveries of a time span's events; returns how many, and the token of the next page. EndpointNotFound,
        EndpointDisabled, PAGE_TOKEN_INVALID. Safe to repeat."""
        since, until = span
        query = f"replay {endpoint_id} {since.isoformat()} {until.isoformat()}"
        begin, after = pagination.after(query, page_token, datetime, str) or (since, "")

        async def work(tx: Tx) -> bytes:
            endpoint = await _enabled(tx, endpoint_id)
            found = await deliveries_log.span(tx, begin, after, until, PING, MOST_REPLAYED)
            wanted = [(event_id, type_, key) for event_id, type_, key, _ in found if endpoint.wishes.wants(type_, key)]
            if wanted:
                await deliveries_log.make_again(tx, endpoint_id, endpoint.wishes.ordered, wanted, self._now())
            more = len(found) == MOST_REPLAYED
            return answer(len(wanted), pagination.token(query, [found[-1][3], found[-1][0]]) if more else "")

        return await self._once(request, endpoint_id, work)

    async def resend(self, endpoint_id: str, delivery_id: int) -> Delivery:
        """Makes a delivery in any state due now. EndpointNotFound, EndpointDisabled, DeliveryNotFound. Safe to repeat."""

        async def work(tx: Tx) -> Delivery:
            await _enabled(tx, endpoint_id)
            await deliveries_log.resend(tx, endpoint_id, delivery_id, self._now())
            found = await deliveries_log.read(tx, endpoint_id, delivery_id)
            if found is None:
                raise DeliveryNotFound(endpoint_id, str(delivery_id))
            return found

        found = await self._database.run(work)
        self._changed([endpoint_id])
        return found

    async def page(
        self, endpoint_id: str, state: State | None, page_size: int, page_token: str
    ) -> tuple[list[Delivery], str]:
        """A page, newest first, and the token of the next. EndpointNotFound, PAGE_TOKEN_INVALID."""
        query = f"webhook_deliveries {endpoint_id} {state.value if state else ''}"
        last = pagination.after(query, page_token, int)
        async with self._database.connection() as connection:
            await _known(connection, endpoint_id)
            before = last[0] if last else NEWEST
            found = await deliveries_log.page(connection, endpoint_id, state, before, page_size + 1)
        page = found[:page_size]
        return page, pagination.token(query, [page[-1].delivery_id]) if len(found) > page_size else ""

    async def attempts(self, endpoint_id: str, delivery_id: int) -> list[Attempt]:
        """The attempts of a delivery, newest first. EndpointNotFound, DeliveryNotFound."""
        async with self._database.connection() as connection:
            await _known(connection, endpoint_id)
            if await deliveries_log.read(connection, endpoint_id, delivery_id) is None:
                raise DeliveryNotFound(endpoint_id, str(delivery_id))
            return await deliveries_log.attempts(connection, delivery_id, MOST_ATTEMPTS)

    async def _once(
        self, request: Request, endpoint_id: str, work: Callable[[Tx], Awaitable[bytes]]
    ) -> tuple[bytes, bool]:
        answer = await requests.once(self._database, request, work)
        self._changed([endpoint_id])
        return answer


async def _known(tx: Tx, endpoint_id: str) -> None:
    if await endpoints.read(tx, endpoint_id) is None:
        raise EndpointNotFound(endpoint_id)


async def _enabled(tx: Tx, endpoint_id: str) -> Endpoint:
    """The endpoint, locked so that it stays enabled. EndpointNotFound, EndpointDisabled."""
    found = await lock(tx, endpoint_id)
    if not found.health.enabled:
        raise EndpointDisabled(endpoint_id, found.health.reason.value)
    return found
