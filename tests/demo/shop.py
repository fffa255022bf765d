"""The REST interface as a patient client uses it: repeats the same Idempotency-Key until there is an answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson

from tests.demo.http_client import Answer, Pool

PATIENCE_S = 120.0
ATTEMPT_TIMEOUT_S = 20.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 4.0
# Statuses for "not now" or "outcome unknown": nothing is decided, the same request may be sent again.
TRY_AGAIN = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Reply:
    """The final answer; status 0 if there was none before the timeout."""

    status: int
    body: dict[str, Any]
    replayed: bool
    retries: int
    latency_ms: float
    last_trouble: str = ""

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", "")) or self.last_trouble


class Shop:
    """Sends with one token; every post carries a key and is repeated under it. `troubles` counts the reasons for repeats."""

    def __init__(self, pool: Pool, token: str) -> None:
        self.troubles: Counter[str] = Counter()
        self._pool = pool
        self._headers = {"authorization": f"Bearer {token}", "accept": "application/json"}

    async def get(self, path: str) -> Reply:
        return await self._until_answered("GET", path, {}, b"")

    async def post(self, path: str, body: dict[str, Any], key: str) -> Reply:
        return await self._with_key("POST", path, body, key)

    async def put(self, path: str, body: dict[str, Any], key: str) -> Reply:
        return await self._with_key("PUT", path, body, key)

    async def post_signed(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """A webhook: authenticated by its own headers, whose id is its idempotency key."""
        return await self._until_answered("POST", path, {"content-type": "application/json", **headers}, body)

    async def _with_key(self, method: str, path: str, body: dict[str, Any], key: str) -> Reply:
        headers = {"content-type": "application/json", "idempotency-key": key}
        return await self._until_answered(method, path, headers, orjson.dumps(body))

    async def _until_answered(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        started, retries, pause_s = time.monotonic(), 0, FIRST_PAUSE_S
        while True:
            answer, trouble = await self._attempt(method, path, headers, body)
            elapsed_s = time.monotonic() - started
            if answer is not None and answer.status not in TRY_AGAIN:
                return _reply(answer, retries, elapsed_s, "")
            self.troubles[trouble] += 1
            if elapsed_s > PATIENCE_S:
                return Reply(0, {}, replayed=False, retries=retries, latency_ms=elapsed_s * 1000, last_trouble=trouble)
            wanted_s = _asked_pause_s(answer) or pause_s
            await asyncio.sleep(random.uniform(0.5, 1.0) * min(wanted_s, LONGEST_PAUSE_S))
            retries, pause_s = retries + 1, pause_s * 2

    async def _attempt(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[Answer | None, str]:
        try:
            answer = await self._pool.send(method, path, {**self._headers, **headers}, body, ATTEMPT_TIMEOUT_S)
        except OSError as lost:
            return None, type(lost).__name__
        return answer, f"HTTP_{answer.status}"


def _reply(answer: Answer, retries: int, elapsed_s: float, trouble: str) -> Reply:
    replayed = answer.headers.get("idempotency-replayed", "") == "true"
    return Reply(answer.status, _decoded(answer), replayed, retries, elapsed_s * 1000, trouble)


def _decoded(answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body or b"{}")
    except orjson.JSONDecodeError:
        return {"reason": "NOT_JSON", "detail": answer.body[:200].decode("utf-8", "replace")}
    return found if isinstance(found, dict) else {"reason": "NOT_AN_OBJECT"}


def _asked_pause_s(answer: Answer | None) -> float:
    asked = answer.headers.get("retry-after", "") if answer is not None else ""
    return float(asked) if asked.isdigit() else 0.0
