"""The choice of installed servers for tests, and the message if there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import installed
from tests.installed import Installed


def _made(folder: Path, *majors: str) -> Path:
    for major in majors:
        (folder / major / "bin").mkdir(parents=True)
        (folder / major / "bin/postgres").touch()
    return folder


def test_the_newest_postgres_that_is_older_than_the_embedded_is_taken(tmp_path: Path) -> None:
    postgres, redis = _made(tmp_path / "postgresql", "9.6", "13", "14", "17", "18"), tmp_path / "redis-server"
    redis.touch()
    assert installed.find(postgres, [tmp_path / "absent", redis]) == Installed(postgres / "17", redis)


@pytest.mark.parametrize(
    ("majors", "has_redis", "packages"),
    [((), False, "postgresql redis-server"), (("13", "18"), True, "postgresql"), (("15",), False, "redis-server")],
)
def test_what_is_missing_is_said_with_the_command_that_installs_it(
    tmp_path: Path, majors: tuple[str, ...], has_redis: bool, packages: str
) -> None:
    postgres, redis = _made(tmp_path / "postgresql", *majors), tmp_path / "redis-server"
    if has_redis:
        redis.touch()
    found = installed.find(postgres, [redis])
    assert found == f"NOT TESTED on installed servers: apt-get install --no-install-recommends {packages}"
