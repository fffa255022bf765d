"""Several connections to one address that look like one channel: each call uses the next connection that is not down."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import grpc


class Spread(grpc.aio.Channel):
    """A channel that owns several channels. Its state is that of the first; check health to see every worker."""

    def __init__(self, channels: Sequence[grpc.aio.Channel]) -> None:
        self._channels = channels
        self._turns = itertools.cycle(range(len(channels)))

    async def __aenter__(self) -> Spread:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Closes all channels; running calls have `grace` seconds."""
        await asyncio.gather(*(channel.close(grace) for channel in self._channels))

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """The state of the first channel."""
        return self._channels[0].get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits for a change of the first channel."""
        await self._channels[0].wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Waits until all channels are ready."""
        await asyncio.gather(*(channel.channel_ready() for channel in self._channels))

    def unary_unary(self, *method: Any, **options: Any) -> Any:
        return self._in_turn([channel.unary_unary(*method, **options) for channel in self._channels])

    def unary_stream(self, *method: Any, **options: Any) -> Any:
        return self._in_turn([channel.unary_stream(*method, **options) for channel in self._channels])

    def stream_unary(self, *method: Any, **options: Any) -> Any:
        return self._in_turn([channel.stream_unary(*method, **options) for channel in self._channels])

    def stream_stream(self, *method: Any, **options: Any) -> Any:
        return self._in_turn([channel.stream_stream(*method, **options) for channel in self._channels])

    def _in_turn(self, callables: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
        # One cycle for all methods, so that even a stub made for a single call takes the next channel.
        channels, turns, down = self._channels, self._turns, grpc.ChannelConnectivity.TRANSIENT_FAILURE

        def call(*request: Any, **options: Any) -> Any:
            turn = next(turns)
            for _ in callables:  # a channel that waits to reconnect fails its calls; another may serve them
                if channels[turn].get_state() is not down:
                    break
                turn = next(turns)
            return callables[turn](*request, **options)

        return call
