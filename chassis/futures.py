"""Completes futures whose waiter may be gone."""

from __future__ import annotations

import asyncio
from typing import TypeVar

R = TypeVar("R")


def resolve(waiting: asyncio.Future[R], result: R | Exception) -> None:
    """Completes the future with a result or an exception; does nothing when its waiter was cancelled."""
    if waiting.done():
        return
    if isinstance(result, Exception):
        waiting.set_exception(result)
    else:
        waiting.set_result(result)
