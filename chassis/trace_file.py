"""The file to which several processes write their spans, one line per span: bounded, with one older file beside it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from chassis.config import ConfigError

MOST_BYTES = 64 * 1024 * 1024
"""About 200,000 spans: hours of a developer's requests. With the older file, at most twice this size is on disk."""


def older(path: Path) -> Path:
    """The path of the older file."""
    return path.with_name(f"{path.name}.1")


class TraceFile:
    """Appends lines. A full file becomes the older one; each process that has it open changes to the new one by itself."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """Opens the file. ConfigError when it cannot be written."""
        self._path = path
        self._most_bytes = most_bytes
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._opened()
        except OSError as error:
            raise ConfigError(f"TRACES={path} cannot be written: {error.strerror}") from error

    def write(self, line: bytes) -> None:
        """Writes the line in one system call, so that lines of several processes do not mix."""
        if os.fstat(self._file).st_size >= self._most_bytes:
            self._move_on()
        os.write(self._file, line)

    def _move_on(self) -> None:
        """Renames the full file under a lock, unless another process has done so; then opens the new one."""
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
