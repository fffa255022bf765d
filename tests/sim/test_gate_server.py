"""The simulated gate answers like the real scripts on a real Valkey, for any sequence of calls."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest

from chassis import redis
from chassis.gate.gate import Action, Entry, Gate, Settlement
from chassis.gate.keys import GateKeys
from chassis.gate.model import Claim, Stale, Take, WantedLine
from tests.sim.gate_server import GateServer, Keys
from tests.sim.links import GateLink
from tests.sim.loop import Host
from tests.sim.site import Site
from tests.sim.wire import Rates

COUNTERS = ("a", "b", "c")
CALLS = 150
ACTIONS: tuple[Action, ...] = ("give", "give", "forget", "later")


class Both:
    """The same call on the real gate and on the simulated one."""

    def __init__(self, real: Gate, client: Any, random: Random) -> None:
        self.real = real
        self.client = client
        self.random = random
        self.site = Site(Random(0), Rates(), None)
        self.site.wire.calm = True
        self.model = GateLink(self.site, Host("p"))
        self.epoch = 0
        self.nonces: dict[str, list[str]] = {}

    async def call(self, method: str, *arguments: Any) -> Any:
        """Returns the common answer, or fails. Both use the real server's clock."""
        seconds, micros = await self.client.time()
        self.site.loop._now_s = seconds + micros / 1e6
        answers = []
        for side in (self.real, self.model):
            try:
                answers.append(await getattr(side, method)(*arguments))
            except Stale as stale:
                answers.append(("Stale", stale.epoch))
        assert _plain(answers[0]) == _plain(answers[1]), (method, arguments)
        return answers[0]

    async def rebuild(self) -> None:
        """A new epoch with counters and a live reservation, loaded as in a rebuild; sometimes flushed meanwhile."""
        self.epoch += self.random.choice((1, 1, 2))
        live = [Entry(f"r{self.random.randint(0, 9)}", "f", "loaded", (("a", 2),), 5_000)]
        await self.call("announce", self.epoch)
        await self.call("load_counters", self.epoch, [(key, self.random.randint(-1, 9)) for key in COUNTERS])
        if self.random.random() < 0.1:
            await self.flush()
        await self.call("load_entries", self.epoch, live, 3_000)
        await self.call("publish", self.epoch)

    async def flush(self) -> None:
        """FLUSHALL keeps scripts."""
        await self.client.flushdb()
        self.site.primary.flush()

    async def restart(self) -> None:
        """A restart with its data loses scripts."""
        await self.client.script_flush()
        self.site.primary = self.site.primary.restarted("another", self.site.primary.keys)

    async def step(self) -> None:
        """Any call of any method, then a comparison of the state."""
        roll = self.random.random()
        epoch = self.epoch if roll < 0.9 else max(1, self.epoch + self.random.choice((-1, 1)))
        method = self.random.choice(("reserve", "reserve", "reserve", "settle", "settle", "adjust", "due", "serves"))
        await self.call(method, epoch, *getattr(self, f"_{method}")())
        if self.random.random() < 0.06:
            await self.random.choice((self.rebuild, self.flush, self.restart))()
        if self.random.random() < 0.05:
            await self.call("publish", max(1, self.epoch - self.random.randint(0, 1)))
        assert await self.real.counters(self.epoch, COUNTERS) == [
            self.site.primary.keys.available.get(self.epoch, {}).get(key) for key in COUNTERS
        ]

    def _reserve(self) -> tuple[Any, ...]:
        ids = self.random.sample(range(30), self.random.randint(1, 4))
        return ([(self._claim(f"r{id}"), self._nonce(f"r{id}")) for id in ids],)

    def _claim(self, id: str) -> Claim:
        random = self.random
        lines = []
        for _ in range(random.randint(1, 3)):
            keys = random.sample((*COUNTERS, "unknown"), random.randint(1, 3))
            lines.append(WantedLine(tuple(keys), random.randint(1, 4), random.random() < 0.5))
        return Claim(id, random.choice("fffg"), tuple(lines), 1_000)

    def _nonce(self, id: str) -> str:
        self.nonces.setdefault(id, []).append(secrets.token_hex(4))
        return self.nonces[id][-1]

    def _settle(self) -> tuple[Any, ...]:
        ids = [f"r{id}" for id in self.random.sample(range(30), self.random.randint(1, 4))]
        action: Action = self.random.choice(ACTIONS)
        return (
            [Settlement(id, self.random.choice([*self.nonces.get(id, []), "loaded"]), action, 7_000) for id in ids],
        )

    def _adjust(self) -> tuple[Any, ...]:
        now, random = self.site.now_ms(), self.random
        created = random.choice((now, now, 1_000))
        return ([(random.randint(1, 20), random.choice(COUNTERS), random.randint(-3, 5), created)],)

    def _due(self) -> tuple[Any, ...]:
        return self.random.choice((0, 5_000, 15_000, 60_000)), 500

    def _serves(self) -> tuple[Any, ...]:
        return ()


@pytest.mark.parametrize("seed", range(12))
async def test_the_simulated_gate_answers_as_the_real_scripts_do(seed: int, valkey_url: str) -> None:
    client = redis.connect(valkey_url)
    await client.flushdb()
    await client.script_flush()
    both = Both(Gate(client, GateKeys(f"sim-{seed}", 0)), client, Random(seed))
    await both.rebuild()
    for _ in range(CALLS):
        await both.step()
    await client.aclose()


def test_a_restarted_server_has_its_data_and_no_scripts() -> None:
    server = GateServer("one", Keys(), {1})
    assert server.restarted("two", server.keys).scripts == set()


def _plain(answer: Any) -> Any:
    if type(answer) is tuple and isinstance(answer[1], list):  # due at the same moment, up to some milliseconds
        return sorted(answer[1])
    if isinstance(answer, list):
        return [_plain(one) for one in answer]
    if isinstance(answer, Take):
        return (answer.claim.id, answer.nonce, sorted(answer.taken), answer.epoch)
    if isinstance(answer, Exception):
        return type(answer).__name__, getattr(answer, "short", None)
    return answer
