"""This process's copy of all endpoints: which of them want an event, and how to send it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from chassis.db import Database, Tx
from webhook_svc.domain import signing
from webhook_svc.domain.endpoint import Endpoint, Health
from webhook_svc.store import endpoints

FRESH_S = 2.0
"""Changes by other processes are seen within this time; deliveries are made after a read in their own transaction."""
SLICE = 1_000
"""Endpoints per statement: the first read of a process reads all of them."""
MOST_TYPES = 1_000
"""Event types whose endpoints are cached; there are a few dozen types."""


class Target:
    """An endpoint and its keys, decoded once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.take(endpoint)

    def take(self, endpoint: Endpoint) -> None:
        """The endpoint as it is now."""
        self.endpoint = endpoint
        self.health = endpoint.health
        self._wanted = frozenset(endpoint.wishes.keys)
        self._keys = [(signing.key_of(one.text), one.expire_time) for one in endpoint.secrets]

    @property
    def endpoint_id(self) -> str:
        """Its id."""
        return self.endpoint.endpoint_id

    def concerns(self, key: str) -> bool:
        """Whether the endpoint wants events of this key."""
        return not self._wanted or key in self._wanted

    def keys(self, now: datetime) -> list[bytes]:
        """The keys that sign now, newest first."""
        return [key for key, ends in self._keys if ends is None or ends > now]


class Directory:
    """All endpoints by id, and by the event types that they want."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._revision = 0
        self._targets: dict[str, Target] = {}
        self._by_type: dict[str, list[Target]] = {}

    async def refresh(self) -> None:
        """Reads the changed endpoints; a job of every process."""
        async with self._database.connection() as connection:
            await self.catch_up(connection)

    async def catch_up(self, tx: Tx) -> None:
        """Reads all changes that were committed before this statement. One statement, mostly without rows."""
        while changed := await endpoints.changed_since(tx, self._revision, SLICE):
            self.learn(changed)
            self._revision = max(self._revision, changed[-1].revision)
            if len(changed) < SLICE:
                return

    def learn(self, changed: Iterable[Endpoint]) -> None:
        """Stores endpoints that this process has read or written; revisions older than the known one are ignored."""
        for endpoint in changed:
            known = self._targets.get(endpoint.endpoint_id)
            if known is not None and known.endpoint.revision > endpoint.revision:
                continue
            if known is None or endpoint.deleted or known.endpoint.wishes != endpoint.wishes:
                self._by_type.clear()
            if endpoint.deleted:
                self._targets.pop(endpoint.endpoint_id, None)
            elif known is None:
                self._targets[endpoint.endpoint_id] = Target(endpoint)
            else:
                known.take(endpoint)

    def note(self, endpoint_id: str, health: Health) -> None:
        """Sets the health of an endpoint, as just seen by this process; it is written to the database a moment later."""
        target = self._targets.get(endpoint_id)
        if target is not None:
            target.health = health

    def get(self, endpoint_id: str) -> Target | None:
        """One endpoint, None if it does not exist."""
        return self._targets.get(endpoint_id)

    def all(self) -> Iterable[Target]:
        """Every endpoint, enabled or not."""
        return self._targets.values()

    def asking_for(self, type_: str, key: str) -> list[Target]:
        """Endpoints that want an event of this type and key, enabled or not."""
        by_type = self._by_type.get(type_)
        if by_type is None:
            by_type = [target for target in self._targets.values() if target.endpoint.wishes.wants_type(type_)]
            if len(self._by_type) < MOST_TYPES:
                self._by_type[type_] = by_type
        return [target for target in by_type if target.concerns(key)]
