"""One attack in a separate process: `python -m tests.siege.attack NAME TARGET`.

It prints `ready` once the attack holds, and ends when stdin is closed.
It runs at the lowest priority and ends by itself after MOST_S: the attacker shares the machine with the product.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable

import uvloop

from chassis import process
from tests.siege import sockets, words
from tests.siege.target import Target, parsed

MOST_S = 900.0
NICE = 19


async def nothing(_target: Target) -> AsyncIterator[int]:
    """No attack, for comparison."""
    while True:
        yield 0
        await asyncio.sleep(1)


ATTACKS: dict[str, Callable[[Target], AsyncIterator[int]]] = {
    "no attack": nothing,
    "5,000 half-open bodies": sockets.half_bodies,
    "5,000 slow headers": sockets.slow_headers,
    "six headers of 50 MB": sockets.huge_headers,
    "2,000 sockets of one ticket": sockets.one_ticket,
    "200 readers that never read": sockets.deaf_readers,
    "fragment bombs over HTTP": words.bombs_over_http,
    "fragment bombs over WebSocket": words.bombs_over_websocket,
    "300 malformed protobufs per second": words.malformed_protobufs,
}


async def attack(name: str, target: Target) -> None:
    """Runs until stdin is closed."""
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    holding = asyncio.create_task(_hold(ATTACKS[name](target)))
    await asyncio.wait([over, holding], timeout=MOST_S, return_when=asyncio.FIRST_COMPLETED)
    if holding.done():
        holding.result()


async def _hold(attack_: AsyncIterator[int]) -> None:
    ready = False
    async for _ in attack_:
        if not ready:
            ready = True
            sys.stdout.write("ready\n")
            sys.stdout.flush()


def main() -> None:
    """`python -m tests.siege.attack`"""
    process.allow_many_connections()
    os.nice(NICE)
    uvloop.run(attack(sys.argv[1], parsed(sys.argv[2])))
    os._exit(0)  # a thread may still wait for stdin


if __name__ == "__main__":
    main()
