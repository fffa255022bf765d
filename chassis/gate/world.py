"""Time and randomness for the steps: real in a process, seeded where a test replays a history."""

from __future__ import annotations

import itertools
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass


def _wall_ms() -> int:
    return int(time.time() * 1000)


_process = secrets.token_hex(5)
_numbers = itertools.count()


def _token() -> str:
    return f"{_process}{next(_numbers):x}"


def _jitter() -> float:
    return random.uniform(0.5, 1.5)


@dataclass(frozen=True, slots=True)
class World:
    """`wall_ms` is unix milliseconds, `monotonic_s` never goes back, `token` never repeats, `jitter` is around 1."""

    wall_ms: Callable[[], int] = _wall_ms
    monotonic_s: Callable[[], float] = time.monotonic
    token: Callable[[], str] = _token
    jitter: Callable[[], float] = _jitter


REAL = World()
