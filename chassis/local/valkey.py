"""The embedded Valkey. It stores nothing on disk: the gate is rebuilt from the journal at every start."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import redis

from chassis.local import wheels
from chassis.local.program import Program

OLDEST_MAJOR = 7  # Valkey 8 and 9 report 7 here too


@dataclass(frozen=True)
class Valkey:
    """An embedded server: its folder, its port and its password."""

    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """The URL of database 0, which holds the gate."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def program(self) -> Program:
        """The server program; its settings are in a file, because other accounts can read a command line with a password."""
        return Program(
            name="redis",
            command=(str(wheels.valkey()), str(self._settings_file)),
            environment={"LC_ALL": "C", "PATH": os.defpath},
            folder=self.folder,
        )

    @property
    def _settings_file(self) -> Path:
        return self.folder / "valkey.conf"

    def prepare(self) -> None:
        """Writes the settings file, mode 0600."""
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            "maxmemory-policy noeviction",  # the gate refuses to serve with any other policy
            'save ""',
            "appendonly no",
            "loglevel warning",
        ]
        self._settings_file.unlink(missing_ok=True)
        self._settings_file.touch(mode=0o600)
        self._settings_file.write_text("\n".join(lines) + "\n")


def answers(url: str, timeout_s: float = 2) -> str | None:
    """None when the server answers and is new enough, otherwise the reason, in one line."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=timeout_s, socket_timeout=timeout_s) as client:
            major = int(client.info("server")["redis_version"].partition(".")[0])
    except (redis.RedisError, ValueError, OSError) as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None if major >= OLDEST_MAJOR else f"Redis {major} is too old; version {OLDEST_MAJOR} or later is needed"
