"""When a runner is killed, its children end too, dependent ones first."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from chassis.local.watchdog import Watchdog
from tests.servers import wait_for


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "60"])


def test_children_end_when_the_runner_has_gone() -> None:
    child = sleeper()
    dog = Watchdog()
    dog.watch(0, child.pid, signal.SIGTERM)
    dog._process.stdin.close()  # type: ignore[union-attr]  # as the kernel does for a killed runner
    assert child.wait(15) == -signal.SIGTERM
    dog._process.wait(15)


def test_a_forgotten_child_is_left_alone() -> None:
    child = sleeper()
    dog = Watchdog()
    dog.watch(0, child.pid, signal.SIGTERM)
    dog.forget(child.pid)
    dog.close()
    assert child.poll() is None
    child.kill()
    child.wait()


RUNNER = """
import signal, subprocess, sys, time
from chassis.local.watchdog import Watchdog
dog = Watchdog()
for rank, name in enumerate(["postgres", "edge"]):
    child = f"trap 'echo {name} >> ended; exit' TERM; echo {name} >> started; while :; do sleep 0.05; done"
    dog.watch(rank, subprocess.Popen(["/bin/sh", "-c", child], cwd=sys.argv[1]).pid, signal.SIGTERM)
time.sleep(60)
"""


def test_children_of_a_killed_process_end_in_order(tmp_path: Path) -> None:
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path)])  # noqa: S603 - the script above
    started, ended = tmp_path / "started", tmp_path / "ended"
    wait_for(lambda: started.exists() and len(started.read_text().split()) == 2, "both have started")
    runner.kill()
    runner.wait()
    wait_for(lambda: ended.exists() and len(ended.read_text().split()) == 2, "both have ended")
    assert ended.read_text().split() == ["edge", "postgres"]
