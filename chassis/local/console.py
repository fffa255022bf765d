"""The output of all processes, line by line: each line begins with the process's name, coloured on a terminal."""

from __future__ import annotations

import contextlib
import json
import sys

from chassis import services

OF_SERVICES = (32, 35, 94, 33, 92, 95, 96)
"""In turn; more services than colours share them."""
COLOURS = {
    "postgres": 34,
    "redis": 31,
    **{name: OF_SERVICES[place % len(OF_SERVICES)] for place, name in enumerate(services.NAMES)},
    services.EDGE: 36,
    "migrate": 90,
}
LEVELS = {"debug": 90, "warning": 33, "error": 31, "critical": 31}
WIDTH = max(len(name) for name in COLOURS)
PLUMBING = ("event", "level", "timestamp", "process")  # shown elsewhere in the line, or not useful to a person


class Console:
    """Writes lines, with colours only on a terminal."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour and sys.stdout.isatty()

    def child(self, name: str, line: str) -> None:
        """Writes a line of a child; a structured line is converted to text."""
        self._write(f"{self._paint(f'{name:<{WIDTH}} |', COLOURS.get(name, 37))} {self._readable(line)}")

    def say(self, text: str = "") -> None:
        """Writes a line of the runner itself."""
        self._write(text)

    def _readable(self, line: str) -> str:
        if not line.startswith("{"):
            return line
        try:
            entry = json.loads(line)
        except ValueError:
            return line
        if "event" not in entry:
            return line
        trace = entry.pop("exception", None)
        level = str(entry.get("level", ""))
        words = [str(entry["event"]), *(f"{key}={value}" for key, value in entry.items() if key not in PLUMBING)]
        text = self._paint(" ".join(words if level == "info" else [level, *words]), LEVELS.get(level))
        return f"{text}\n{trace}" if trace else text

    def _paint(self, text: str, code: int | None) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text

    def _write(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # `make run | head` must not end the shop
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
