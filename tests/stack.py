"""The whole product for end-to-end tests: `python -m chassis.local` in its own folder, on free ports, not seeded."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.config import METRICS_ABOVE
from chassis.local import ports
from chassis.local.config import ROOT, VARIABLES
from tests import config
from tests.servers import folder, wait_for

FIRST_BASE_PORT = 18_000
"""Below the ports that `ports.free` gives to single servers."""
READY_WITHIN_S = 120.0
STOP_WITHIN_S = 70.0


@dataclass(frozen=True)
class Stack:
    """A running product. run.json is read again each time, since a restarted child has another pid."""

    process: subprocess.Popen[bytes]
    local: Path
    environment: Mapping[str, str]

    @property
    def run(self) -> Mapping[str, Any]:
        """The current content of run.json."""
        document: Mapping[str, Any] = json.loads((self.local / "run.json").read_text())
        return document

    @property
    def edge(self) -> str:
        """The edge's URL."""
        return str(self.run["edge"])

    @property
    def headers(self) -> dict[str, str]:
        """The headers that every request to the edge needs."""
        return {"Authorization": f"Bearer {self.run['token']}"}

    def address(self, service: str) -> str:
        """host:port of `inventory`, `order`, `promo` or `webhook`."""
        return str(self.run[service])

    def database(self, name: str) -> str:
        """The URL of the database `inventory`, `orders`, `promo` or `webhooks`."""
        return str(self.run["databases"][name])

    def pid(self, name: str) -> int | None:
        """The process id of a child, or None between its end and its next start."""
        pids: Mapping[str, int] = self.run["pids"]
        return pids.get(name)

    @property
    def output(self) -> str:
        """All that the runner and its children have written."""
        return (self.local / "output.log").read_text(errors="replace")


def free_address() -> str:
    """host:port that nothing listens on."""
    return f"127.0.0.1:{ports.free()}"


def free_addresses() -> dict[str, str]:
    """Environment variables that put a stack on free ports."""
    return {variable: free_address() for variable in VARIABLES.values()}


def free_base_port() -> int:
    """A BASE_PORT with all the ports that one worker of each process needs."""
    for base in range(FIRST_BASE_PORT, FIRST_BASE_PORT + 2_000, 200):
        wanted = [base + above + number for above in (0, METRICS_ABOVE) for number in range(len(VARIABLES))]
        if not any(ports.taken(ports.Address("127.0.0.1", number)) for number in wanted):
            return base
    raise AssertionError("no free BASE_PORT was found")


def launch(local: Path, root: Path = ROOT, /, **environment: str) -> subprocess.Popen[bytes]:
    """Starts the runner; its lines go to output.log in its folder."""
    inherited = dict(config.load().environment)
    if "BASE_PORT" in environment:  # it determines the metrics' ports, too
        inherited = {name: value for name, value in inherited.items() if not name.endswith("_METRICS_ADDRESS")}
    with (local / "output.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "chassis.local"],
            cwd=root,
            env={**inherited, "LOCAL_DIR": str(local), "SEED": "off", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@contextlib.contextmanager
def running(root: Path = ROOT, /, **environment: str) -> Iterator[Stack]:
    """A product of its own, for tests that kill its children, need other settings or another checkout (`root`)."""
    addresses = {} if "BASE_PORT" in environment else free_addresses()
    with folder() as local, _started(local, {**addresses, **environment}, root) as stack:
        yield stack


@contextlib.contextmanager
def restarted(stack: Stack) -> Iterator[Stack]:
    """Starts in the same folder and ports again, after the stack's process has ended."""
    with _started(stack.local, stack.environment) as again:
        yield again


@contextlib.contextmanager
def _started(local: Path, environment: Mapping[str, str], root: Path = ROOT) -> Iterator[Stack]:
    (local / "run.json").unlink(missing_ok=True)  # a runner that was killed has left its own
    stack = Stack(launch(local, root, **environment), local, environment)

    def ready() -> bool:
        if stack.process.poll() is not None:
            raise AssertionError(f"the product did not start:\n{stack.output}")
        return (local / "run.json").exists()

    try:
        wait_for(ready, "the product is ready", READY_WITHIN_S)
        yield stack
    finally:
        stack.process.terminate()
        stack.process.wait(STOP_WITHIN_S)
