"""One subscription's events from the hub, with the token to resume after each."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from typing import Any

from edge import problems
from edge.graphql.connection import Connection
from edge.graphql.errors import of_problem
from edge.problems import Problem
from edge.push import metrics
from edge.push.catch_up import CatchUp
from edge.push.hub import Hub
from edge.push.pushed import Pushed
from edge.push.subscriber import EXPIRED, RESTART, TOO_SLOW, Control, Ending, Subscriber


class Source:
    """Iterate over it, then `close` it. GraphQLError when it ends: its `extensions.metadata.token` resumes."""

    def __init__(self, hub: Hub, subscriber: Subscriber, resumes: bool, connection: Connection) -> None:
        self._hub = hub
        self._subscriber = subscriber
        self._connection = connection
        hub.enter(subscriber)
        subscriber.ended.add_done_callback(self._part)
        self._arriving: asyncio.Task[None] | None = None
        if resumes:
            arriving = CatchUp(hub, subscriber).run()
            self._arriving = asyncio.create_task(arriving, context=contextvars.Context())
        else:
            hub.join(subscriber)
            subscriber.sent_token = hub.token(subscriber)

    async def __aiter__(self) -> AsyncIterator[tuple[Pushed, str]]:
        subscriber, sent = self._subscriber, metrics.SENT.of("graphql")
        while True:
            taking = asyncio.ensure_future(subscriber.take())
            try:
                either: set[asyncio.Future[Any]] = {taking, subscriber.ended}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if subscriber.ended.done():
                    raise self._ended(subscriber.ended.result())
                batch = taking.result()
            finally:
                taking.cancel()
            if isinstance(batch, Control):
                if batch.word == "reset":
                    raise of_problem(
                        Problem(409, "EVENTS_FORGOTTEN", "Events are gone; reload the state.", dict(batch.body))
                    )
                continue  # heartbeats: the protocol has its own
            for pushed in batch:
                subscriber.sent_token = subscriber.token(pushed)
                sent.value += 1
                yield pushed, subscriber.sent_token

    async def close(self) -> None:
        """Gives the place in the hub back."""
        self._hub.leave(self._subscriber)
        if self._arriving is not None:
            self._arriving.cancel()
            await asyncio.gather(self._arriving, return_exceptions=True)

    def _part(self, ended: asyncio.Future[Ending]) -> None:
        """Ends the connection at once: the iterating task may be waiting for a client that does not read."""
        if ended.result() is TOO_SLOW:
            metrics.SLOW.value += 1
            self._connection.end(TOO_SLOW)

    def _ended(self, ending: Ending) -> Exception:
        metadata = {"token": self._subscriber.sent_token}
        if ending is TOO_SLOW:
            return of_problem(Problem(503, "OVERLOADED", "The client reads too slowly.", metadata))
        if ending is RESTART:
            ended = problems.shutting_down()
        elif ending is EXPIRED:
            return of_problem(Problem(401, "TOKEN_EXPIRED", "The ticket has expired.", metadata))
        else:
            ended = problems.overloaded("Try again later.")
        return of_problem(Problem(ended.status, ended.reason, ended.detail, metadata))
