"""Faults of servers and processes, by name, each a step of the scenario."""

from __future__ import annotations

from collections.abc import Callable

from tests.sim.process import Process
from tests.sim.site import Site

MOST_SKEW_MS = 5_000


class Chaos:
    """Injects faults into the processes of one scenario. `kinds` are those that this seed uses."""

    def __init__(self, site: Site, processes: list[Process], make: Callable[[str, int], Process]) -> None:
        self._site = site
        self._processes = processes
        self._make = make
        self._made = len(processes)
        self._faults: dict[str, Callable[[], None]] = {
            "process crashed": self.crash,
            "process paused": self._pause,
            "process resumed": self._resume,
            "session lost": self._lose_session,
            "gate restarted with its data": lambda: site.restart_gate("all"),
            "gate restarted with old data": lambda: site.restart_gate("some"),
            "gate restarted with nothing": lambda: site.restart_gate("nothing"),
            "gate flushed": lambda: site.primary.flush(),
            "replica promoted": lambda: site.promote(False, []),
            "stale replica promoted": lambda: site.promote(True, []),
            "split brain": self._split,
            "split brain over": site.end_split,
            "journal restored": self.restore,
        }
        names = list(self._faults)
        used = site.random.randint(0, len(names))
        self.kinds = site.random.sample(names, used)

    def strike(self) -> None:
        """Injects one of the faults that this seed uses."""
        if not self.kinds:
            return
        name = self._site.random.choice(self.kinds)
        self._site.tell(f"-- {name}")
        self._site.tally[name] += 1
        self._faults[name]()

    def heal(self) -> None:
        """Ends all faults: every process runs and reaches the one gate."""
        for process in self._processes:
            self._site.loop.resume(process.host)
        self._site.end_split()
        self._site.wire.calm = True

    def crash(self) -> None:
        """Ends one process in the middle of its work; a new one starts."""
        random = self._site.random
        position = random.randrange(len(self._processes))
        old = self._processes[position]
        old.crash()
        self._made += 1
        new = self._make(f"p{self._made}", random.randint(-MOST_SKEW_MS, MOST_SKEW_MS))
        if random.random() < 0.3:
            new.epochs.current = old.epochs.current  # it starts with stale values
        if old.host in self._site.reaching_deposed:
            self._site.reaching_deposed.add(new.host)
        self._processes[position] = new

    def _pause(self) -> None:
        self._site.random.choice(self._processes).host.paused = True

    def _resume(self) -> None:
        for process in self._processes:
            if process.host.paused:
                self._site.loop.resume(process.host)

    def _lose_session(self) -> None:
        self._site.random.choice(self._processes).lose_sessions()

    def restore(self) -> None:
        """Restores the journal from a backup; every session with it has ended."""
        if self._site.restore_journal():
            self._site.tally["journal restored from a backup"] += 1
            for process in self._processes:
                process.lose_sessions()

    def _split(self) -> None:
        random = self._site.random
        hosts = [process.host for process in self._processes if random.random() < 0.5]
        self._site.promote(random.random() < 0.5, hosts)
