"""Futures that somebody waits for."""

from __future__ import annotations

import asyncio
from typing import TypeVar

R = TypeVar("R")


def resolve(waiting: asyncio.Future[R], result: R | Exception) -> None:
    """Ends it with a result or an exception; does nothing when whoever waited is gone."""
    if waiting.done():
        return
    if isinstance(result, Exception):
        waiting.set_exception(result)
    else:
        waiting.set_result(result)
