"""A headless Chromium, driven over its DevTools protocol: one page, expressions in, values out."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
STARTED_WITHIN_S = 60.0
ANSWER_WITHIN_S = 30.0
MOST_ANSWER_BYTES = 16 * 1024 * 1024
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
)


def installed() -> str | None:
    """The path of Chromium, if it is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One page."""

    def __init__(self, connection: ClientConnection, session: str) -> None:
        self._connection = connection
        self._session = session
        self._numbers = itertools.count(100)

    async def evaluate(self, expression: str) -> Any:
        """The expression's value in the page; promises are awaited."""
        parameters = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = await _call(self._connection, next(self._numbers), "Runtime.evaluate", parameters, self._session)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


@asynccontextmanager
async def page(executable: str) -> AsyncIterator[Page]:
    """A browser with an empty page; ended afterwards."""
    folder = tempfile.mkdtemp(prefix="one-stock-chromium-")
    command = (executable, *FLAGS, f"--user-data-dir={folder}", "about:blank")
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=PIPE)
    try:
        async with connect(await _address(process), compression=None, max_size=MOST_ANSWER_BYTES) as connection:
            target = await _call(connection, 1, "Target.createTarget", {"url": "about:blank"})
            attach = {"targetId": target["targetId"], "flatten": True}
            session = await _call(connection, 2, "Target.attachToTarget", attach)
            yield Page(connection, session["sessionId"])
    finally:
        process.kill()
        await process.wait()
        await asyncio.to_thread(shutil.rmtree, Path(folder), ignore_errors=True)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(STARTED_WITHIN_S):
        while line := (await process.stderr.readline()).decode():
            if "DevTools listening on " in line:
                return line.partition("DevTools listening on ")[2].strip()
    raise AssertionError("Chromium ended before it could be driven")


async def _call(
    connection: ClientConnection, number: int, method: str, parameters: dict[str, Any], session: str | None = None
) -> dict[str, Any]:
    message = {"id": number, "method": method, "params": parameters}
    await connection.send(orjson.dumps(message if session is None else {**message, "sessionId": session}).decode())
    async with asyncio.timeout(ANSWER_WITHIN_S):
        while True:
            answer = orjson.loads(await connection.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
