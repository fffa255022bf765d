"""The embedded servers start, keep their data, and admit no client without the password."""

from __future__ import annotations

import subprocess

import psycopg
import pytest
import redis

from chassis.local import place, ports, postgres
from chassis.local.postgres import Postgres
from tests import servers


def test_postgres_is_18_in_utf8_and_commits_synchronously(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone() for name in ("server_encoding", "synchronous_commit")]
        version = connection.info.server_version
    assert shown == [("UTF8",), ("on",)]
    assert version >= 140_000


def test_postgres_is_not_run_by_root() -> None:
    with servers.running_postgres() as running:
        owner = int(
            subprocess.check_output(["/bin/ps", "-o", "uid=", "-p", str(running.process.pid)])  # noqa: S603
        )
    assert owner != 0


def test_postgres_refuses_a_wrong_password() -> None:
    with servers.running_postgres() as running:
        reason = postgres.answers(running.url.replace("postgres:", "postgres:x"))
    assert reason is not None
    assert "password authentication failed" in reason


def test_postgres_keeps_what_was_committed_when_it_is_killed() -> None:
    with servers.running_postgres() as running:
        with psycopg.connect(running.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        running.kill()
        running.start()
        with psycopg.connect(running.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_postgres_fsyncs_when_a_person_runs_it() -> None:
    with servers.folder() as home:
        server = Postgres(place.find(home), ports.free(), "secret")
    assert "fsync=on" in server.program.command


def test_valkey_never_evicts_and_writes_nothing_to_disk(valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        settings = client.config_get("maxmemory-policy", "save", "appendonly")
    assert settings == {"maxmemory-policy": "noeviction", "save": "", "appendonly": "no"}


def test_valkey_asks_for_the_password(valkey_url: str) -> None:
    address = valkey_url.rpartition("@")[2]
    with redis.Redis.from_url(f"redis://{address}") as client, pytest.raises(redis.AuthenticationError):
        client.ping()
