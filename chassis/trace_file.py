"""The file that several processes write their spans to, one line each: bounded, with one older file beside it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from chassis.config import ConfigError

MOST_BYTES = 64 * 1024 * 1024
"""Some 200,000 spans: hours of a developer's requests. With the older file the disk holds twice as much at most."""


def older(path: Path) -> Path:
    """Where the lines before the newest MOST_BYTES are."""
    return path.with_name(f"{path.name}.1")


class TraceFile:
    """Appends lines. A file that is full becomes the older one; each process that holds it open moves on by itself."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """ConfigError when it cannot be written."""
        self._path = path
        self._most_bytes = most_bytes
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._opened()
        except OSError as error:
            raise ConfigError(f"TRACES={path} cannot be written: {error.strerror}") from error

    def write(self, line: bytes) -> None:
        """In one write, so that lines of several processes do not mix."""
        if os.fstat(self._file).st_size >= self._most_bytes:
            self._move_on()
        os.write(self._file, line)

    def _move_on(self) -> None:
        """Whoever holds the lock and still finds the full file in its place renames it. All open the new one."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        if self._is_in_place():
            self._path.replace(older(self._path))
        full, self._file = self._file, self._opened()
        os.close(full)  # ends the lock too

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == os.fstat(self._file).st_ino
        except FileNotFoundError:
            return False

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
