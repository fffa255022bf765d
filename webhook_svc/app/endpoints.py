"""Use cases of endpoints: create, change, delete, rotate the secret, read. Changes apply from the next event on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from chassis import ids, pagination, requests
from chassis.db import Database, Tx
from chassis.events import outbox
from chassis.requests import Request
from webhook_svc.app.directory import Directory
from webhook_svc.domain import endpoint as rules
from webhook_svc.domain import signing
from webhook_svc.domain.endpoint import Endpoint, Secret, Wishes
from webhook_svc.domain.errors import EndpointNotFound, TooManyEndpoints, VersionStale
from webhook_svc.store import deliveries_log, endpoints, events

LIST_QUERY = "webhook_endpoints"
MOST_ENDPOINTS = 10_000
"""Every process keeps all of them in memory, and queries the due deliveries of each."""
MOST_AT_ONCE = 10_000
"""Deliveries made due at once when an endpoint is enabled again, in one short transaction. Others wait for their next try."""


class Endpoints:
    """One method per use case; each change is one transaction. `answer` makes the response that a repeat returns, as bytes.

    It never holds a secret: only `endpoints.secrets` does, and the first response, for which `create` and `rotate` return it.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        now: Callable[[], datetime],
        changed: Callable[[list[str]], None],
    ) -> None:
        """`changed` gets the endpoints whose deliveries may be due now."""
        self._database = database
        self._directory = directory
        self._now = now
        self._changed = changed

    async def create(
        self, request: Request, wishes: Wishes, answer: Callable[[Endpoint], bytes]
    ) -> tuple[bytes, bool, str]:
        """Stores a new endpoint; returns its secret too, "" in a repeat. TooManyEndpoints. Safe to repeat."""
        secret = signing.new_secret()

        async def work(tx: Tx) -> tuple[Endpoint, bytes]:
            if await endpoints.count(tx) >= MOST_ENDPOINTS:
                raise TooManyEndpoints(MOST_ENDPOINTS)
            made = await endpoints.insert(tx, ids.new_id("whe"), wishes, [Secret(secret)], self._now())
            return made, answer(made)

        kept, replayed = await self._once(request, work)
        return kept, replayed, "" if replayed else secret

    async def update(
        self,
        request: Request,
        endpoint_id: str,
        changes: Mapping[str, Any],
        enabled: bool | None,
        etag: str,
        answer: Callable[[Endpoint], bytes],
    ) -> tuple[bytes, bool]:
        """Changes the given fields. EndpointNotFound, VersionStale. Safe to repeat."""

        async def work(tx: Tx) -> tuple[Endpoint, bytes]:
            before, now = await lock(tx, endpoint_id), self._now()
            if etag and etag != str(before.version):
                raise VersionStale(etag, str(before.version))
            health = before.health if enabled is None else rules.switched(before.health, enabled, now)
            after = replace(before, wishes=replace(before.wishes, **changes), health=health)
            written = await endpoints.update(tx, after, now)
            if written.health.enabled and not before.health.enabled:
                await deliveries_log.begin_anew(tx, endpoint_id, now, MOST_AT_ONCE)
            if before.health.enabled and not written.health.enabled:
                payload = events.endpoint_disabled(written)
                await outbox.put(tx, type=events.ENDPOINT_DISABLED, key=endpoint_id, payload=payload)
            return written, answer(written)

        return await self._once(request, work)

    async def delete(self, request: Request, endpoint_id: str, answer: Callable[[], bytes]) -> tuple[bytes, bool]:
        """Stops all sending; the log is deleted in batches. EndpointNotFound. Safe to repeat."""

        async def work(tx: Tx) -> tuple[Endpoint, bytes]:
            before = await lock(tx, endpoint_id)
            return await endpoints.update(tx, replace(before, deleted=True), self._now()), answer()

        return await self._once(request, work)

    async def rotate(
        self, request: Request, endpoint_id: str, answer: Callable[[Endpoint, datetime], bytes]
    ) -> tuple[bytes, bool, str]:
        """Makes a new secret and returns it too, "" in a repeat. EndpointNotFound. Safe to repeat."""
        secret = signing.new_secret()

        async def work(tx: Tx) -> tuple[Endpoint, bytes]:
            before, now = await lock(tx, endpoint_id), self._now()
            after = replace(before, secrets=rules.rotated(before.secrets, secret, now))
            written = await endpoints.update(tx, after, now)
            return written, answer(written, now + rules.OLD_SECRET)

        kept, replayed = await self._once(request, work)
        return kept, replayed, "" if replayed else secret

    async def get(self, endpoint_id: str) -> Endpoint:
        """One endpoint. EndpointNotFound."""
        async with self._database.connection() as connection:
            found = await endpoints.read(connection, endpoint_id)
        if found is None:
            raise EndpointNotFound(endpoint_id)
        return found

    async def page(self, page_size: int, page_token: str) -> tuple[list[Endpoint], str]:
        """A page by id and the token of the next, empty on the last. PAGE_TOKEN_INVALID."""
        last = pagination.after(LIST_QUERY, page_token, str)
        async with self._database.connection() as connection:
            found = await endpoints.page(connection, last[0] if last else "", page_size + 1)
        page = found[:page_size]
        return page, pagination.token(LIST_QUERY, [page[-1].endpoint_id]) if len(found) > page_size else ""

    async def _once(
        self, request: Request, work: Callable[[Tx], Awaitable[tuple[Endpoint, bytes]]]
    ) -> tuple[bytes, bool]:
        written: list[Endpoint] = []

        async def attempt(tx: Tx) -> bytes:
            endpoint, response = await work(tx)
            written[:] = [endpoint]  # of this attempt only: an attempt that was rolled back wrote nothing
            return response

        answer = await requests.once(self._database, request, attempt)
        self._directory.learn(written)
        self._changed([endpoint.endpoint_id for endpoint in written])
        return answer


async def lock(tx: Tx, endpoint_id: str) -> Endpoint:
    """The endpoint, locked until this transaction ends. EndpointNotFound."""
    found = await endpoints.lock(tx, endpoint_id)
    if found is None:
        raise EndpointNotFound(endpoint_id)
    return found
