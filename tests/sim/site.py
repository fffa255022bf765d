"""Everything outside the processes: the servers, each process's gate, the rebuilder's session lock, the tallies."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from random import Random

from chassis.gate.model import NO_MARK
from tests.sim.gate_server import GateServer, Keys
from tests.sim.journal_server import JournalServer
from tests.sim.loop import HOST, Host, SimulatedLoop
from tests.sim.oracle import Oracle
from tests.sim.wire import Rates, Wire

START_S = 1_800_000_000.0
SAVED_COPIES = 4


class SessionLock:
    """pg_advisory_lock of the rebuilder: freed when its session ends, even if its holder does not know that."""

    def __init__(self) -> None:
        self.holder: object | None = None
        self._waiting: deque[tuple[object, Host | None, asyncio.Future[None]]] = deque()

    async def acquire(self, session: object, host: Host | None) -> None:
        """Waits for its turn."""
        if self.holder is None:
            self.holder = session
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((session, host, turn))
        await turn

    def release(self, session: object) -> None:
        """Gives the lock to the next waiter; does nothing if the session no longer holds it."""
        if self.holder is not session:
            return
        self.holder = None
        while self._waiting:
            session, host, turn = self._waiting.popleft()
            if not turn.done() and not (host and host.dead):
                self.holder = session
                turn.set_result(None)
                return


class Site:
    """One simulated world."""

    def __init__(self, random: Random, rates: Rates, trace: Callable[[str], None] | None) -> None:
        self.random = random
        self.loop = SimulatedLoop(random, START_S)  # type: ignore[abstract]
        self.tally: Counter[str] = Counter()
        self.wire = Wire(self.loop, random, rates, self.tally)
        self.journal = JournalServer(self.now_ms)
        self.primary = GateServer("run-0", Keys(), set())
        self.deposed: GateServer | None = None
        """The old primary while some processes still reach it."""
        self.reaching_deposed: set[Host] = set()
        self.lock = SessionLock()
        self.oracle = Oracle(self)
        self._trace = trace
        self._runs = 0
        self._saved: deque[Keys] = deque(maxlen=SAVED_COPIES)
        self._backups: deque[JournalServer] = deque(maxlen=SAVED_COPIES)

    def now_ms(self) -> int:
        """The clock of both servers."""
        return int(self.loop.time() * 1000)

    def gate_of(self, host: Host) -> GateServer:
        """The server that a process regards as the gate."""
        if self.deposed is not None and host in self.reaching_deposed:
            return self.deposed
        return self.primary

    def tell(self, text: str) -> None:
        """Adds a line to the trace, if there is one."""
        if self._trace is not None:
            host = HOST.get()
            self._trace(f"{self.loop.time() - START_S:10.3f} {host.name if host else '-':>4} {text}")

    def save(self) -> None:
        """Saves the copies for later restarts and replicas, and a backup of the journal."""
        self._saved.append(self.primary.keys.copied())
        self._backups.append(self.journal.copied())

    def restore_journal(self) -> bool:
        """Restores the journal from a backup; False if there is none that the gate could distinguish from the journal.

        It can if it has seen a mark after the backup: the watch sends one every second.
        """
        keys = self.primary.keys
        backups = [
            one
            for one in self._backups
            if keys.pointer != one.epoch or keys.marks.get(one.epoch, NO_MARK).number > one.mark.number
        ]
        if not backups:
            return False
        backup = self.random.choice(backups).copied()
        kept = {id for id, row in backup.rows.items() if row.state != "ABORTED"}
        self.oracle.lost |= self.journal.rows.keys() - kept
        self.oracle.acknowledged &= kept
        self.journal = backup
        self.journal.restored_in = backup.epoch
        self.wire.cut("JOURNAL_UNREACHABLE")
        return True

    def restart_gate(self, kept: str) -> None:
        """Keeps `all`, `latest` (the last copy), `some` (any copy) or `nothing`."""
        keys = self.primary.keys
        if kept == "nothing":
            keys = Keys()
        elif kept == "latest":
            keys = self._saved[-1]
        elif kept == "some" and self._saved:
            keys = self.random.choice(self._saved)
        self._runs += 1
        self.primary = self.primary.restarted(f"run-{self._runs}", keys)

    def promote(self, stale: bool, hosts: list[Host]) -> None:
        """A replica becomes the gate; `hosts` continue with the old one until the split ends."""
        old = self.primary
        self.restart_gate("some" if stale else "all")
        if self.deposed is None and hosts:
            self.deposed, self.reaching_deposed = old, set(hosts)

    def end_split(self) -> None:
        """Ends the access to the old primary."""
        self.deposed = None
        self.reaching_deposed = set()
