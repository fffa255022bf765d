"""`python -m tests.installed`: the tests on the Postgres (14 to 17) and the Redis that Debian's packages have installed.

Both run as an ordinary account in their own folder, at free ports, with fsync and JIT on. Missing servers are reported.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg
import redis

from chassis.local.config import ROOT
from chassis.local.postgres import OLDEST_MAJOR
from chassis.local.wheels import POSTGRES_MAJOR
from tests import config, databases, servers
from tests import stack as stacks

POSTGRES = Path("/usr/lib/postgresql")
REDIS = (Path("/usr/bin/redis-server"), Path("/usr/local/bin/redis-server"))
PART = (
    "tests/chassis/gate",
    "tests/chassis/events",
    "tests/inventory_svc",
    "tests/promo_svc",
)
"""The default tests: those of all code with its own SQL or Lua."""
DEMO_ORDERS = 300
DEMO_BUYERS = 200
USAGE = """usage: python -m tests.installed [ARGUMENTS]       pytest with these arguments, by default tests of SQL and Lua
       python -m tests.installed --demo             `make run` and `make demo` (DEMO_ORDERS, by default 300)
       python -m tests.installed --run COMMAND ...  a command that reads TEST_DATABASE_URL and TEST_REDIS_URL
"""


class Installed(NamedTuple):
    """Postgres' folder, which contains `bin`, and Redis' program."""

    postgres: Path
    redis: Path


def find(postgres: Path = POSTGRES, programs: Sequence[Path] = REDIS) -> Installed | str:
    """The newest Postgres that is older than the embedded one, and a Redis; else the missing ones and how to install them."""
    majors = [int(path.name) for path in postgres.glob("*") if path.name.isdigit() and (path / "bin/postgres").exists()]
    fitting = [major for major in majors if OLDEST_MAJOR <= major < int(POSTGRES_MAJOR)]
    program = next((path for path in programs if path.exists()), None)
    if fitting and program:
        return Installed(postgres / str(max(fitting)), program)
    packages = [*([] if fitting else ["postgresql"]), *([] if program else ["redis-server"])]
    return f"NOT TESTED on installed servers: apt-get install --no-install-recommends {' '.join(packages)}"


@contextlib.contextmanager
def running(found: Installed) -> Iterator[Mapping[str, str]]:
    """Both servers; yields the environment that makes tests use them."""
    programs = {"TEST_POSTGRES": str(found.postgres), "TEST_REDIS": str(found.redis)}
    with servers.running_postgres(found.postgres) as postgres, servers.running_valkey(found.redis) as gate:
        urls = {"TEST_DATABASE_URL": postgres.url, "TEST_REDIS_URL": gate.url}
        yield {**config.load().environment, **programs, **urls}


def describe(environment: Mapping[str, str]) -> str:
    """Both versions, and the settings that matter here."""
    names = ("server_version", "jit", "fsync")
    with psycopg.connect(environment["TEST_DATABASE_URL"]) as connection:
        shown = {name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names}
    with redis.Redis.from_url(environment["TEST_REDIS_URL"]) as client:
        version = client.info("server")["redis_version"]
    return f"PostgreSQL {', '.join(f'{name} {row and row[0]}' for name, row in shown.items())}; Redis {version}"


def demo(environment: Mapping[str, str]) -> int:
    """Runs the product on these servers, and `make demo` against it."""
    orders = {"DEMO_ORDERS": str(DEMO_ORDERS), "DEMO_BUYERS": str(DEMO_BUYERS)}
    redis_url = environment["TEST_REDIS_URL"]
    with stacks.running(
        DATABASE_URL=environment["TEST_DATABASE_URL"],
        REDIS_URL=databases.named(redis_url, "2"),
        BROKER_URL=databases.named(redis_url, "3"),
    ) as stack:
        command = [sys.executable, "-m", "tests.demo"]
        return _run(command, {**orders, **environment, "RUN_JSON": str(stack.local / "run.json")})


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code of pytest or of the command; 0 with a note if the servers are not installed."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    found = find()
    if isinstance(found, str):
        sys.stdout.write(f"{found}\n")
        return 0
    with running(found) as environment:
        sys.stdout.write(f"{describe(environment)}\n")
        sys.stdout.flush()
        if arguments[:1] == ["--demo"]:
            return demo(environment)
        if arguments[:1] == ["--run"]:
            return _run(arguments[1:], environment)
        return _run([sys.executable, "-m", "pytest", "-q", *(arguments or PART)], environment)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    return subprocess.run(command, cwd=ROOT, env=dict(environment), check=False).returncode  # noqa: S603 - ours, or what its caller named


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
